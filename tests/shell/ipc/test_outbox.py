"""The queue of lines of one connection."""

from hypothesis import given
from hypothesis import strategies as st

from saga_core.engine import Command
from saga_shell.ipc import outbox as module
from saga_shell.ipc.outbox import Outbox


class Mark(Command, frozen=True, tag="mark"):
    """A command that can be told from others."""

    number: int


ENTRIES = st.lists(
    st.tuples(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), st.booleans())
)


@given(entries=ENTRIES, takes=st.lists(st.integers(1, 30)))
def test_whatever_the_os_takes_at_a_time_the_bytes_and_the_commands_add_up(
    entries: list[tuple[bytes, bool]], takes: list[int]
) -> None:
    """FACTS R-33: written and unwritten bytes are the stream; a line in part is not handed over."""
    outbox = Outbox()
    stream, ends = b"", []
    for number, (line, is_command) in enumerate(entries):
        outbox.append(line, Mark(number) if is_command else None)
        stream += line + b"\n"
        ends.append((len(stream), is_command))
    written, whole = b"", 0
    for take in takes:
        part = bytes(outbox.chunk()[:take])
        written += part
        whole += outbox.advance(len(part))
    assert stream.startswith(written)
    assert outbox.size == len(stream) - len(written)
    assert whole == sum(end <= len(written) for end, _ in ends)
    assert outbox.lines == len(entries) - whole
    unsent = [
        Mark(n) for n, (end, is_command) in enumerate(ends) if is_command and end > len(written)
    ]
    assert outbox.commands() == unsent


def test_lines_are_joined_up_to_the_size_of_a_chunk() -> None:
    """DESIGN 5: many lines are one write, but a long queue is not copied into one piece."""
    outbox = Outbox()
    for _ in range(3):
        outbox.append(b"x" * (module.CHUNK_BYTES // 2), None)
    assert len(outbox.chunk()) == module.CHUNK_BYTES + 2
    assert outbox.advance(len(outbox.chunk())) == 2
    assert not outbox.in_chunk
    assert len(outbox.chunk()) == module.CHUNK_BYTES // 2 + 1
    assert outbox.in_chunk
