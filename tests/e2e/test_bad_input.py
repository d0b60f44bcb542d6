"""Garbage, attacks and mistakes at the real socket: a private error each, others unaffected."""

import subprocess

import pytest
from tests.e2e.outside import Message, Peer, Place
from tests.e2e.test_exchanges import answer_to, host, subscriber

LINE_LIMIT = 1_048_576


def error_of(peer: Peer) -> Message:
    """The next private error."""
    return peer.until(event="error")


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"{}",
        b'{"cmd":"no_such_command"}',
        b'{"cmd":"create_workspace","name":"x"}',
        b'{"cmd":"ping","nonce":-1}',
        b'{"cmd":"ping","nonce":5.0}',
        b'{"cmd":"ping","nonce":true}',
        b'{"cmd":"ping","nonce":1,"nonce":2}',
        b'{"cmd":"ping","nonce":18446744073709551616}',
        b'{"cmd":"spawn_pool_window","saga_id":null}',
        b'{"cmd":"ping","nonce":"\xff"}',
        b'{"cmd":"ping","nonce":1,"x":' + b"[" * 200 + b"]" * 200 + b"}",
    ],
)
def test_bad_lines_get_a_private_error(place: Place, line: bytes) -> None:
    """FACTS 2.7, F-17: private, version 0, not fatal; the connection goes on, versions too."""
    place.launch()
    other, peer = subscriber(place, pid=1), subscriber(place, pid=2)
    before = other.snapshot()["version"]
    peer.say_bytes(line + b"\n")
    error = error_of(peer)
    assert (error["code"], error["fatal"], error["version"]) == ("invalid_command", False, 0)
    assert error["message"].startswith("parse failed: ")
    peer.say(cmd="ping", nonce=9)
    assert peer.until(event="pong") == {"event": "pong", "nonce": 9, "version": before}
    assert other.snapshot()["version"] == before
    assert not [message for message in other.heard if message["event"] == "error"]


def test_a_huge_line_ends_its_connection_only(place: Place) -> None:
    """FACTS R-62: over 1 MiB without a newline: a private error, then closed; others live on."""
    place.launch()
    other, peer = subscriber(place, pid=1), subscriber(place, pid=2)
    peer.say_bytes(b"x" * (LINE_LIMIT + 1))
    assert error_of(peer)["message"] == "parse failed: line longer than 1 MiB"
    peer.until_end()
    other.until(event="process_exited", pid=2)


def test_half_lines_crlf_and_blanks_are_read(place: Place) -> None:
    """FACTS 2.1: a line may come in pieces, end in CRLF, and the last one needs no newline."""
    place.launch()
    peer = subscriber(place)
    for piece in (b'{"cmd":"pi', b'ng","nonce":1}\r', b'\n\n   \n{"cmd":"ping","nonce":2}'):
        peer.say_bytes(piece)
    peer.finish()
    assert [peer.until(event="pong")["nonce"] for _ in range(2)] == [1, 2]


def test_wrong_order_and_wrong_role(place: Place) -> None:
    """FACTS F-04, F-05: questions before Register stay open, reports end it; only hosts report."""
    place.launch()
    early = place.connect()
    early.say(cmd="ping", nonce=1)
    assert (error_of(early)["code"], early.heard[-1]["fatal"]) == ("not_registered", False)
    early.say(cmd="report_window_closed", label="main")
    assert error_of(early)["fatal"] is True
    early.until_end()
    tool = subscriber(place)
    tool.say(cmd="report_window_closed", label="main")
    assert (error_of(tool)["code"], tool.heard[-1]["fatal"]) == ("invalid_command", False)
    tool.say(cmd="spawn_pool_window", saga_id=1)
    assert error_of(tool)["code"] == "invalid_command"


def test_a_live_pid_cannot_register_again(place: Place) -> None:
    """FACTS R-52: private, fatal, closed; the first one goes on."""
    place.launch()
    first = subscriber(place, pid=5)
    second = place.connect()
    second.say(cmd="register", kind="tool", pid=5, version="1")
    assert (error_of(second)["code"], second.heard[-1]["fatal"]) == ("already_registered", True)
    second.until_end()
    first.say(cmd="ping", nonce=1)
    first.until(event="pong")


def test_a_peer_that_never_reads_is_ended_alone(place: Place) -> None:
    """FACTS R-32, R-60: its queue is bounded; sagas and other subscribers don't notice."""
    place.launch()
    tool, peer = subscriber(place, pid=1), host(place)
    deaf = place.connect()
    deaf.say(cmd="register", kind="tool", pid=66, version="1")
    tool.until(event="process_spawned", pid=66)
    label = "x" * 60_000
    for number in range(400):
        if tool.has_heard(event="process_exited", pid=66):
            break
        peer.say(cmd="report_pool_window_added", label=f"{number}{label}", saga_id=None)
        for reader in (tool, peer):
            reader.until(event="pool_window_added")
    assert tool.has_heard(event="process_exited", pid=66)
    peer.say(cmd="report_pool_window_promoted", label="a")
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])


def test_answers_of_others_change_nothing(place: Place) -> None:
    """FACTS F-19: unknown ids and a renderer's report leave the saga alone; the report is told."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_pool_window_promoted", label="a")
    saga_id = peer.until(kind="command")["saga_id"]
    tool.say(cmd="report_pool_window_added", label="", saga_id=saga_id)
    assert error_of(tool)["code"] == "invalid_command"
    peer.say(cmd="report_pool_window_added", label="", saga_id=saga_id + 1000)
    tool.until(event="pool_window_added", saga_id=saga_id + 1000)
    assert place.rows("select state from launcher_saga") == [("running",)]
    peer.say(cmd="report_saga_action_failed", saga_id=saga_id, reason="no display")
    failed = tool.until(event="saga_failed", saga_id=saga_id)
    assert failed["reason"] == "host action failed: no display"


def refusal_of(place: Place, *arguments: str) -> tuple[int, str]:
    """The exit code and standard error of a launcher that shall not start."""
    refused = subprocess.run(
        [*place.program, "run", *place.where, "--no-host", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert refused.stdout == ""
    return refused.returncode, refused.stderr


def assert_one_line(text: str, *words: str) -> None:
    """One clear line that has these words."""
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    for word in words:
        assert word in text


def test_a_second_launcher_is_refused(place: Place) -> None:
    """FACTS R-49: one launcher per data directory; the second one says so in one line."""
    place.launch()
    code, text = refusal_of(place)
    assert code == 2
    assert_one_line(text, str(place.data_dir))


def test_a_damaged_database_is_refused(place: Place) -> None:
    """FACTS R-45, R-46: a file that is no database ends the start with code 3 and one line."""
    path = place.data_dir / "db" / "launcher-sagas.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database" * 1000)
    code, text = refusal_of(place)
    assert code == 3
    assert_one_line(text, str(path))


def test_a_file_in_the_sockets_place_is_refused(place: Place) -> None:
    """FACTS F-44: what is no dead socket is not removed."""
    place.socket.write_text("precious")
    code, text = refusal_of(place)
    assert code == 2
    assert_one_line(text, str(place.socket))
    assert place.socket.read_text() == "precious"


def test_a_data_directory_that_cannot_be_written_is_refused(place: Place) -> None:
    """DESIGN 7: a data directory that is a file: one line, code 2."""
    place.data_dir.write_text("a file")
    code, text = refusal_of(place)
    assert code == 2
    assert_one_line(text, str(place.data_dir))


def test_a_dead_launchers_socket_is_taken_over(place: Place) -> None:
    """FACTS F-44: SIGKILL leaves a socket behind; the next launcher listens all the same."""
    place.launch().kill()
    assert place.socket.exists()
    place.launch()
    assert subscriber(place).snapshot()["lifecycle"] == "starting"
