"""The socket's path is lost while its launcher listens: it is taken again, never stolen."""

import asyncio
import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from returns.result import Failure, Success
from tests.shell.ipc.conftest import taken
from tests.shell.ipc.test_listener import connects, dead_socket
from tests.shell.launcher.parts import polled

from saga_shell.ipc import Endpoint, Listener, listen

if TYPE_CHECKING:
    from tests.shell.ipc.conftest import Serve, Served


@pytest.fixture
def listener(short_dir: Path) -> Iterator[Listener]:
    """A listener in a directory of its own making."""
    result = listen(Endpoint(short_dir / "d" / "s.sock"))
    assert isinstance(result, Success), result
    yield result.unwrap()
    assert isinstance(result.unwrap().release(), Success)


def mode(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_path_that_leads_here_is_left_alone(listener: Listener) -> None:
    """FACTS R-63: a look changes nothing as long as peers can connect."""
    sock, before = listener.sock, listener.path.lstat()
    assert listener.is_in_place()
    assert listener.listen_anew() == Success(False)
    assert listener.sock is sock
    assert listener.path.lstat() == before


@pytest.mark.parametrize("loss", ["file", "directory", "dead socket"])
def test_what_was_removed_is_made_anew_as_at_the_start(listener: Listener, loss: str) -> None:
    """FACTS F-44, R-63: the same path, the same modes, and a clean end removes the new file."""
    path, former = listener.path, listener.sock
    if loss == "directory":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    if loss == "dead socket":
        dead_socket(path)
    assert not listener.is_in_place()
    assert listener.listen_anew() == Success(True)
    assert listener.is_in_place()
    assert connects(path)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert former.fileno() == -1
    assert listener.release() == Success(None)
    assert [file.name for file in path.parent.iterdir()] == ["s.sock.lock"]


def test_the_live_socket_of_another_is_not_stolen(listener: Listener) -> None:
    """DESIGN 7: who took the path meanwhile keeps it; once that is over, it is taken again."""
    listener.path.unlink()
    other = listen(Endpoint(listener.path)).unwrap()
    assert not listener.is_in_place()
    refused = listener.listen_anew()
    assert isinstance(refused, Failure)
    assert refused.failure().startswith(f"a launcher is running on {listener.path}")
    assert other.is_in_place()
    assert other.release() == Success(None)
    assert listener.listen_anew() == Success(True)


@pytest.mark.parametrize("thing", ["file", "link", "unfit directory"])
def test_what_may_not_be_replaced_is_named(listener: Listener, thing: str) -> None:
    """FACTS F-44: the rules are those of the start; the old socket stays, and so does the thing."""
    path = listener.path
    path.unlink()
    match thing:
        case "file":
            path.write_text("keep me")
        case "link":
            dead_socket(path.with_name("other"))
            path.symlink_to(path.with_name("other"))
        case _:
            path.parent.chmod(0o755)
    before = {file: file.lstat().st_ino for file in path.parent.iterdir()}
    refused = listener.listen_anew()
    assert isinstance(refused, Failure)
    assert str(path.parent) in refused.failure()
    assert "\n" not in refused.failure()
    assert {file: file.lstat().st_ino for file in path.parent.iterdir()} == before
    assert listener.sock.fileno() >= 0


def test_a_path_that_can_not_be_looked_at_is_lost(listener: Listener) -> None:
    """FACTS R-63: a file where the directory was; the failure says what is wrong."""
    directory = listener.path.parent
    shutil.rmtree(directory)
    directory.write_text("no directory")
    assert not listener.is_in_place()
    refused = listener.listen_anew()
    assert isinstance(refused, Failure)
    assert f"socket directory {directory}: it is no real directory" in refused.failure()
    directory.unlink()


def test_a_released_path_is_not_taken_again(listener: Listener) -> None:
    """DESIGN 7: a look that comes behind the end leaves no socket behind."""
    assert listener.release() == Success(None)
    assert listener.listen_anew() == Success(False)
    assert not listener.path.exists()
    assert listener.sock.fileno() == -1


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked and tried again all the time."""
    monkeypatch.setattr("saga_shell.ipc.keeper.LOOK_SECONDS", 0.001)
    monkeypatch.setattr("saga_shell.ipc.keeper.AGAIN_SECONDS", 0.001)


async def until_connected(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client, as soon as the path lets one in."""
    while True:
        try:
            return await asyncio.open_unix_connection(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.sleep(0.001)


async def is_served(served: "Served", connection: int, reader: asyncio.StreamReader) -> bool:
    """Whether a client hears what the server says to it."""
    await served.until(lambda: served.opened() >= connection)
    served.server.send(connection, b"hello")
    return await reader.readline() == b"hello\n"


@pytest.mark.usefixtures("impatient")
def test_a_server_whose_socket_was_removed_is_found_again(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-63: those that are connected stay, those that come are served; one line says so."""

    async def main() -> None:
        async with serve() as served:
            first, old = await served.client()
            await asyncio.to_thread(served.path.unlink)
            second, new = await until_connected(served.path)
            assert await is_served(served, 1, first)
            assert await is_served(served, 2, second)
            assert served.server.counters().listened_anew == 1
            (line,) = caplog.messages
            assert line == (
                f"peers can connect again: socket {served.path} was removed or replaced,"
                " and is a new one now"
            )
            old.close()
            new.close()
        assert [file.name for file in served.path.parent.iterdir()] == ["s.sock.lock"]

    asyncio.run(main())


@pytest.mark.usefixtures("impatient")
def test_who_came_before_the_loss_is_served(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS F-01: a peer that connects in the last moment is not hung up on with the old socket."""
    came: list[socket.socket] = []
    look = Listener.is_in_place

    def connect_first(listener: Listener) -> bool:
        if not came:
            came.append(socket.socket(socket.AF_UNIX))
            came[0].connect(str(listener.path))
            listener.path.unlink()
        return look(listener)

    monkeypatch.setattr(Listener, "is_in_place", connect_first)

    async def main() -> None:
        async with serve() as served:
            await served.until(lambda: served.opened() == 1)
            reader, writer = await asyncio.open_unix_connection(sock=came[0])
            assert await is_served(served, 1, reader)
            writer.close()
            _, writer = await until_connected(served.path)
            writer.close()

    asyncio.run(main())


@pytest.mark.usefixtures("impatient")
def test_a_path_that_somebody_else_has_is_waited_for(
    serve: "Serve", caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-63: one line, however often it is tried; what is back, or free again, is told too."""

    async def main() -> None:
        async with serve() as served:
            reader, old = await served.client()
            aside = served.path.with_name("aside")
            await asyncio.to_thread(served.path.rename, aside)
            other = taken(served.path)
            for _ in range(3):
                await asyncio.to_thread(other.sock.setblocking, True)
                probe, _ = await asyncio.to_thread(other.sock.accept)
                probe.close()
            assert await asyncio.to_thread(other.is_in_place)
            assert await is_served(served, 1, reader)
            await asyncio.to_thread(os.replace, aside, served.path)
            await polled(lambda: len(caplog.messages) == 2)
            await asyncio.to_thread(other.release)
            _, new = await served.client()
            assert served.server.counters().listened_anew == 0
            old.close()
            new.close()

    asyncio.run(main())
    lost, back = caplog.messages
    assert lost.startswith("nobody can connect: socket ")
    assert "a launcher is running on" in lost
    assert back.endswith("was removed or replaced, and is back")


@pytest.mark.usefixtures("impatient")
def test_a_stop_while_it_listens_anew_leaves_no_socket(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 7: the end waits for a look that goes on, and gives back what that took."""
    begun, go_on = threading.Event(), threading.Event()
    anew = Listener._take_unless_in_place

    def slowly(listener: Listener, path: Path) -> object:
        begun.set()
        go_on.wait()
        return anew(listener, path)

    monkeypatch.setattr(Listener, "_take_unless_in_place", slowly)

    async def main() -> None:
        async with serve() as served:
            await asyncio.to_thread(served.path.unlink)
            await asyncio.to_thread(begun.wait)
            stopping = asyncio.create_task(served.server.stop())
            await asyncio.sleep(0.01)
            go_on.set()
            assert await stopping == Success(None)
            assert [file.name for file in served.path.parent.iterdir()] == ["s.sock.lock"]

    asyncio.run(main())
