"""Where the launcher listens."""

import os
from pathlib import Path

import pytest
from returns.result import Failure, Success

from saga_shell.ipc.endpoint import (
    PATH_BYTES,
    Endpoint,
    chosen_endpoint,
    default_endpoint,
    hash16,
    prepare,
)

UID = os.geteuid()


def problem_of(result: Success[Endpoint] | Failure[str]) -> str:
    """The one line that a refusal is."""
    assert isinstance(result, Failure), result
    line = result.failure()
    assert "\n" not in line
    return line


def test_the_hash_is_fnv_1a_over_directory_nul_and_version() -> None:
    """FACTS 1.5: the digits are those of the published FNV-1a, worked out here step by step."""
    digest = 0xCBF29CE484222325
    for byte in b"/data/dir\x000.1.0":
        digest ^= byte
        digest = (digest * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    assert hash16("/data/dir", "0.1.0") == f"{digest:016x}" == "03db9080ed601699"


def test_the_hash_ignores_case_and_tells_versions_apart() -> None:
    """FACTS 1.5: the directory is lower-cased, the version counts, 16 digits always."""
    assert hash16("/Data", "1") == hash16("/data", "1")
    assert len({hash16("/data", "1"), hash16("/data", "2"), hash16("/data1", "")}) == 3
    assert all(len(hash16("/data", str(n))) == 16 for n in range(100))


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/agentmux"),
        ({}, "/tmp/agentmux-7"),
        ({"XDG_RUNTIME_DIR": ""}, "/tmp/agentmux-7"),
        ({"XDG_RUNTIME_DIR": "relative"}, "/tmp/agentmux-7"),
    ],
)
def test_the_default_path_lies_in_the_runtime_directory_or_in_tmp(
    environ: dict[str, str], directory: str
) -> None:
    """FACTS 1.5: XDG_RUNTIME_DIR if it is set to a valid path, else a directory per user."""
    name = hash16(str(Path("/data").resolve()), "1")
    expected = Endpoint(Path(directory) / f"{name}.sock")
    assert default_endpoint(Path("/data"), "1", environ, 7) == Success(expected)


def test_one_directory_has_one_socket_by_whatever_name(short_dir: Path) -> None:
    """FACTS 1.5: the canonical path counts, so a link to a data directory is that directory."""
    (short_dir / "link").symlink_to(short_dir)
    direct = default_endpoint(short_dir, "1", {}, UID)
    assert default_endpoint(short_dir / "link" / ".." / short_dir.name, "1", {}, UID) == direct


def test_a_data_directory_that_is_a_circle_of_links_gets_one_line(short_dir: Path) -> None:
    """DESIGN 6: a path that can't be made canonical is a user's mistake, not a traceback."""
    (short_dir / "a").symlink_to(short_dir / "b")
    (short_dir / "b").symlink_to(short_dir / "a")
    assert "--data-dir" in problem_of(default_endpoint(short_dir / "a", "1", {}, UID))


def test_a_chosen_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, short_dir: Path) -> None:
    """DESIGN 6: children get the path and may run in another directory."""
    monkeypatch.chdir(short_dir)
    assert chosen_endpoint(Path("x.sock")) == Endpoint(Path.cwd() / "x.sock", chosen=True)


@pytest.mark.parametrize("chosen", [False, True])
def test_a_missing_directory_is_created_for_the_owner_alone(short_dir: Path, chosen: bool) -> None:
    """FACTS F-44: the directory is made with mode 0700."""
    endpoint = Endpoint(short_dir / "new" / "s.sock", chosen)
    assert prepare(endpoint, UID) == Success(endpoint)
    assert (short_dir / "new").stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o1700, 0o600])
def test_the_launchers_own_directory_must_have_mode_0700(short_dir: Path, mode: int) -> None:
    """FACTS F-44: any other mode is refused, and the line says what to do."""
    short_dir.chmod(mode)
    problem = problem_of(prepare(Endpoint(short_dir / "s.sock"), UID))
    assert f"its mode is {mode:04o}" in problem
    assert "chmod 700" in problem
    short_dir.chmod(0o700)


def test_the_launchers_own_directory_must_not_be_a_link(short_dir: Path) -> None:
    """FACTS F-44: whoever owns a link can change where it leads."""
    (short_dir / "link").symlink_to(short_dir)
    assert "no real directory" in problem_of(prepare(Endpoint(short_dir / "link" / "s.sock"), UID))


def test_the_launchers_own_directory_must_belong_to_the_user(short_dir: Path) -> None:
    """FACTS F-44: another user may have made the directory first."""
    problem = problem_of(prepare(Endpoint(short_dir / "s.sock"), UID + 1))
    assert f"belongs to user {UID}" in problem


@pytest.mark.parametrize("chosen", [False, True])
def test_a_file_is_no_directory(short_dir: Path, chosen: bool) -> None:
    """FACTS F-44: a file where the directory should be is refused and left alone."""
    (short_dir / "file").write_text("keep me")
    problem = problem_of(prepare(Endpoint(short_dir / "file" / "s.sock", chosen), UID))
    assert "directory: " in problem
    assert (short_dir / "file").read_text() == "keep me"


@pytest.mark.parametrize("chosen", [False, True])
def test_only_the_last_directory_is_created(short_dir: Path, chosen: bool) -> None:
    """DESIGN 6: a path in a directory that doesn't exist is more likely a slip of the pen."""
    problem = problem_of(prepare(Endpoint(short_dir / "no" / "no" / "s.sock", chosen), UID))
    assert "No such file or directory" in problem


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_a_chosen_directory_may_be_seen_by_others(short_dir: Path, mode: int) -> None:
    """DESIGN 6: with --socket, /tmp or a directory of one's own will do, and links to them."""
    (short_dir / "real").mkdir()
    (short_dir / "real").chmod(mode)
    (short_dir / "link").symlink_to(short_dir / "real")
    for name in ("real", "link"):
        endpoint = Endpoint(short_dir / name / "s.sock", chosen=True)
        assert prepare(endpoint, UID) == Success(endpoint)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o722])
def test_a_chosen_directory_must_not_let_others_replace_the_socket(
    short_dir: Path, mode: int
) -> None:
    """FACTS F-44: who can rename the socket can put his own in its place."""
    short_dir.chmod(mode)
    assert "chmod go-w" in problem_of(prepare(Endpoint(short_dir / "s.sock", chosen=True), UID))
    short_dir.chmod(0o700)


def test_a_chosen_directory_must_belong_to_the_user_or_to_root(short_dir: Path) -> None:
    """FACTS F-44: any other owner could replace the socket."""
    asked = UID + 1
    if UID == 0:
        os.chown(short_dir, 4242, -1)
        asked = UID
    problem = problem_of(prepare(Endpoint(short_dir / "s.sock", chosen=True), asked))
    assert "belongs to user" in problem


def test_a_path_must_fit_into_a_sockets_address(short_dir: Path) -> None:
    """FACTS 1.5: 107 bytes fit; one more gets a line that says so, before anything is created."""
    longest = "x" * (PATH_BYTES - len(os.fsencode(short_dir)) - 1)
    assert isinstance(prepare(Endpoint(short_dir / longest, chosen=True), UID), Success)
    problem = problem_of(prepare(Endpoint(short_dir / f"{longest}x", chosen=True), UID))
    assert "108 bytes" in problem
    assert "--socket" in problem
