"""Attacks on the socket's directory: the launcher refuses in one line, and touches nothing."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.outside import Place
from tests.e2e.test_bad_input import assert_one_line, refusal_of
from tests.e2e.test_exchanges import subscriber

STRANGER = 4242


def linked(directory: Path) -> None:
    """A link to a directory that somebody else may change."""
    elsewhere = directory.with_name("elsewhere")
    elsewhere.mkdir(mode=0o700)
    directory.symlink_to(elsewhere)


def open_to_all(directory: Path) -> None:
    """A directory in which anybody may put a socket."""
    directory.mkdir()
    directory.chmod(0o777)


def readable(directory: Path) -> None:
    """A directory that others may look into."""
    directory.mkdir()
    directory.chmod(0o755)


def somebody_else_s(directory: Path) -> None:
    """A directory that another user made first; only root can make one of that kind here."""
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    directory.mkdir(mode=0o700)
    os.chown(directory, STRANGER, -1)


def a_file(directory: Path) -> None:
    """No directory at all."""
    directory.write_text("precious")


ATTACKS: list[tuple[Callable[[Path], None], str]] = [
    (linked, "no real directory"),
    (open_to_all, "0700"),
    (readable, "0700"),
    (somebody_else_s, "user"),
    (a_file, "directory"),
]


def seen(root: Path) -> dict[str, tuple[int, int, int]]:
    """What is below `root`: mode, owner and size of each."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_mode, status.st_uid, status.st_size)
    return found


@pytest.mark.parametrize(("attack", "says"), ATTACKS, ids=lambda it: getattr(it, "__name__", ""))
def test_an_unsafe_runtime_directory_is_refused(
    place: Place, attack: Callable[[Path], None], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS F-44, 1.5: exit 2, one line with the path; nothing is made, followed or changed."""
    runtime = place.directory / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    place.where = ("--data-dir", str(place.data_dir))
    attack(runtime / "agentmux")
    before = seen(runtime)
    code, text = refusal_of(place)
    assert code == 2
    assert_one_line(text, str(runtime / "agentmux"), says)
    assert seen(runtime) == before


def test_a_socket_that_somebody_listens_on_is_not_taken(place: Place) -> None:
    """FACTS F-44: a pre-created socket that lives stays; the line says that a launcher is there."""
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(str(place.socket))
        squatter.listen()
        before = place.socket.lstat().st_ino
        code, text = refusal_of(place)
        assert code == 2
        assert_one_line(text, str(place.socket))
        assert place.socket.lstat().st_ino == before


def test_a_link_in_the_socket_s_place_is_not_followed(place: Place) -> None:
    """FACTS F-44: neither the link nor what it leads to is removed."""
    target = place.directory / "precious"
    target.write_text("precious")
    place.socket.symlink_to(target)
    code, text = refusal_of(place)
    assert code == 2
    assert_one_line(text, str(place.socket))
    assert place.socket.is_symlink()
    assert target.read_text() == "precious"


def test_a_dead_socket_that_anybody_could_use_is_replaced_by_our_own(place: Place) -> None:
    """FACTS F-44, DESIGN 7: whatever was there before, only the owner may connect to what is."""
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(str(place.socket))
    place.socket.chmod(0o777)
    place.launch()
    assert stat.S_IMODE(place.socket.lstat().st_mode) == 0o600
    subscriber(place)
