"""Where the launcher listens (FACTS 1.5), and whether that directory is fit for it (FACTS F-44)."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from returns.result import Failure, Success

PATH_BYTES = 107
"""The longest path that a Unix socket's address holds: 108 bytes with the final NUL."""

PRIVATE_MODE = 0o700
ROOT = 0
ANOTHER = "choose another path with --socket"

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3


class Endpoint(Struct, frozen=True):
    """The path of the socket. `chosen`: the user named it, so its directory is the user's own."""

    path: Path
    chosen: bool = False


def hash16(data_dir: str, version: str) -> str:
    """16 hex digits that stand for one data directory and one version (FACTS 1.5).

    `data_dir` is the canonical path. Upper and lower case are one, as on the systems where the
    rule comes from.
    """
    digest = FNV_OFFSET
    for byte in os.fsencode(data_dir.lower()) + b"\0" + version.encode():
        digest = (digest ^ byte) * FNV_PRIME % 2**64
    return f"{digest:016x}"


def default_endpoint(
    data_dir: Path, version: str, environ: Mapping[str, str], uid: int
) -> Success[Endpoint] | Failure[str]:
    """Where the launcher of `data_dir` listens, and where its clients look for it."""
    try:
        canonical = str(data_dir.resolve())
    except (OSError, RuntimeError) as error:
        return Failure(f"data directory {data_dir}: {error}: choose another with --data-dir")
    runtime = Path(environ.get("XDG_RUNTIME_DIR", ""))
    # A relative path is invalid there, says the XDG specification: it counts as not set.
    shared = Path(f"/tmp/agentmux-{uid}")  # noqa: S108 -- FACTS 1.5 names it; `prepare` checks it
    directory = runtime / "agentmux" if runtime.is_absolute() else shared
    return Success(Endpoint(directory / f"{hash16(canonical, version)}.sock"))


def chosen_endpoint(path: Path) -> Endpoint:
    """The endpoint of `--socket PATH`; absolute, because children may live elsewhere."""
    return Endpoint(path.absolute(), chosen=True)


def prepare(endpoint: Endpoint, uid: int) -> Success[Endpoint] | Failure[str]:
    """Check the path's length and its directory, which is created if it is missing.

    The launcher's own directory must be a real one, owned by `uid`, with mode 0700. One that the
    user chose may be shared, if nobody else can replace what is in it: the socket itself admits
    its owner only.
    """
    size = len(os.fsencode(endpoint.path))
    if size > PATH_BYTES:
        return Failure(
            f"socket path {endpoint.path} has {size} bytes, {PATH_BYTES} is the limit:"
            " choose a shorter one with --socket"
        )
    directory = endpoint.path.parent
    try:
        with suppress(FileExistsError):
            directory.mkdir(mode=PRIVATE_MODE)
        found = directory.stat() if endpoint.chosen else directory.lstat()
    except OSError as error:
        return Failure(f"socket directory {directory}: {error.strerror}: {ANOTHER}")
    problem = _chosen_problem(found, uid) if endpoint.chosen else _problem(found, uid)
    if problem is not None:
        return Failure(f"socket directory {directory}: {problem}")
    return Success(endpoint)


def _problem(found: os.stat_result, uid: int) -> str | None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        return f"it is no real directory: remove it, or {ANOTHER}"
    if found.st_uid != uid:
        return f"it belongs to user {found.st_uid}, not to {uid}: {ANOTHER}"
    if mode != PRIVATE_MODE:
        return f"its mode is {mode:04o}, it must be 0700: chmod 700 it, or {ANOTHER}"
    return None


def _chosen_problem(found: os.stat_result, uid: int) -> str | None:
    others_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if not stat.S_ISDIR(found.st_mode):
        return f"it is no directory: {ANOTHER}"
    if found.st_uid not in (uid, ROOT):
        return f"it belongs to user {found.st_uid}, not to {uid}: {ANOTHER}"
    if others_write and not found.st_mode & stat.S_ISVTX:
        return f"others may replace what is in it: chmod go-w it, or {ANOTHER}"
    return None
