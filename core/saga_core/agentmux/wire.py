"""Commands and events as lines of JSON and back (FACTS 2): one message, one line, no newline.

What is written is byte-identical to the tables of FACTS 2.3, 2.5 and 2.6. What is read gets the
verdict of the original's parser (FACTS 2.2), but for three quirks that nobody relies on. Refused
here are a message or a rectangle as an array (`["ping",3]`), an enum value as an object
(`{"full_instance":null}`), and, inside a frame or an event list, a tag as a number (`"cmd":3`).
Commands and events of srv count as unknown (DESIGN 7).

A line goes one of two ways. First `msgspec` alone reads it; if writing that message again gives the
very same bytes, then no key stood there twice and no number was odd, so the line is right. All that
our own peers send is like that. Any other line, right or wrong, is taken apart by `strict_json`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from operator import or_
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_core.agentmux.commands import HOST_COMMANDS, WIRE_COMMANDS
from saga_core.agentmux.events import WIRE_EVENTS
from saga_core.agentmux.strict_json import JsonObject, nested_too_deep, parse_strictly
from saga_core.engine import BusEvent, Command, Json, tag_of

M = TypeVar("M", bound=Command | BusEvent)


class _Family(Generic[M]):
    """The messages that one kind of line can hold."""

    def __init__(self, noun: str, members: Iterable[type[M]]) -> None:
        self.noun = noun
        self.by_tag = {str(member.__struct_config__.tag): member for member in members}
        self.tag_field = str(next(iter(self.by_tag.values())).__struct_config__.tag_field)
        self.decoder = msgspec.json.Decoder(reduce(or_, self.by_tag.values()))


_COMMANDS = _Family("command", WIRE_COMMANDS)
_EVENTS = _Family("event", WIRE_EVENTS)
_FRAMED = _Family("command", HOST_COMMANDS)
_ENCODER = msgspec.json.Encoder()

_BLANKS = b" \t\r\n"
_ENVELOPE = "kind"
_FRAME_START = b'{"kind":"command",'
_LONGEST_REASON = 200
_MAYBE_OVER_64_BITS = re.compile(rb":\d{20}")


def encode(message: Command | BusEvent) -> bytes:
    """The line of `message`: compact, the tag first, then the fields as the tables order them.

    For messages that were decoded, that the reducer made, or that passed `try_encode`: nothing is
    checked here, and text that is no Unicode raises `ValueError`.
    """
    return _ENCODER.encode(message)


def reads_back(message: Command | BusEvent) -> bool:
    """Whether a peer that reads the line of `message` strictly gets this very message (R-36).

    True answers what `try_encode` is asked for almost always, at less cost; False leaves it open.
    """
    try:
        line = _ENCODER.encode(message)
    except (TypeError, ValueError, RecursionError):
        return False
    return _canonical(line, _family_of(type(message))) == message


def try_encode(message: Command | BusEvent) -> Success[bytes] | Failure[str]:
    """The line of `message`, or why there is none that a peer could read (FACTS R-36).

    A message from another program than the tables' (a command for srv, say) is held to its own
    type.
    """
    try:
        line = _ENCODER.encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        return _refused(f"{tag_of(message)}: {error}")
    family = _family_of(type(message))
    if _canonical(line, family) == message:
        return Success(line)
    read = _decoded(line, family)
    if isinstance(read, Failure):
        return read
    if read.unwrap() != message:
        return _refused(f"{tag_of(message)}: it reads back as another message")
    return Success(line)


def encode_host_frame(command: Command) -> bytes:
    """The line that brings `command` to a host (FACTS 2.3).

    Raises `ValueError` as `encode` does, and for a command with a field `kind` of its own: its
    line would hold that key twice.
    """
    if _ENVELOPE in command.__struct_encode_fields__:
        raise ValueError(f"{tag_of(command)}: its field `{_ENVELOPE}` leaves no room for a frame")
    return _FRAME_START + encode(command).removeprefix(b"{")


def encode_event_list(lines: Iterable[bytes], version: int, truncated: bool) -> bytes:
    """The `event_list` of events that are lines already; `version` is the current one."""
    events = b",".join(lines)
    mark = b',"truncated":true' if truncated else b""
    return b'{"event":"event_list","events":[%b],"version":%d%b}' % (events, version, mark)


def decode_command(line: bytes) -> Success[Command] | Failure[str]:
    """The command of one line, or one short sentence that says what is wrong. Never raises."""
    return _decoded(line, _COMMANDS)


def decode_event(line: bytes) -> Success[BusEvent] | Failure[str]:
    """The event of one line, or one short sentence that says what is wrong. Never raises."""
    return _decoded(line, _EVENTS)


def decode_host_line(line: bytes) -> Success[Command | BusEvent] | Failure[str]:
    """What the launcher sent to a host: a framed command, else a bare event. Never raises.

    A bare event may have a field `kind` itself, so it is tried whatever that says (FACTS 2.3). A
    frame of kind `event` reads as a bare event too, to which that `kind` is an unknown key.
    """
    message = _canonical_host_line(line.strip(_BLANKS))
    if message is not None:
        return Success(message)
    source = parse_strictly(line)
    return source if isinstance(source, Failure) else _built_for_host(source.unwrap())


def _decoded(line: bytes, family: _Family[M]) -> Success[M] | Failure[str]:
    message = _canonical(line.strip(_BLANKS), family)
    if message is not None:
        return Success(message)
    source = parse_strictly(line)
    return source if isinstance(source, Failure) else _built(source.unwrap(), family)


def _canonical(body: bytes, family: _Family[M]) -> M | None:
    """The message whose own line is `body`, byte by byte; None says nothing about `body`."""
    if nested_too_deep(body) or _MAYBE_OVER_64_BITS.search(body):
        return None
    try:
        message = family.decoder.decode(body)
    except ValueError:
        return None
    return message if _ENCODER.encode(message) == body else None


def _canonical_host_line(body: bytes) -> Command | BusEvent | None:
    if body.startswith(_FRAME_START):
        return _canonical(b"{" + body.removeprefix(_FRAME_START), _FRAMED)
    return _canonical(body, _EVENTS)


def _built_for_host(source: Json) -> Success[Command | BusEvent] | Failure[str]:
    bare = _built(source, _EVENTS)
    if not isinstance(source, JsonObject) or source.get(_ENVELOPE) != "command":
        return bare
    if _ENVELOPE in source.repeated:
        return bare
    framed = _built(source.without(_ENVELOPE), _COMMANDS)
    return bare if isinstance(framed, Failure) and isinstance(bare, Success) else framed


def _built(source: Json, family: _Family[M]) -> Success[M] | Failure[str]:
    if not isinstance(source, JsonObject):
        return Failure("not an object")
    tag = source.get(family.tag_field)
    if not isinstance(tag, str):
        return Failure(f"no {family.noun} is named in `{family.tag_field}`")
    if tag not in family.by_tag:
        return _refused(f"unknown {family.noun} {tag!r}")
    try:
        message = msgspec.convert(source, family.by_tag[tag], strict=True)
    except msgspec.ValidationError as error:
        return _refused(f"{tag}: {error}")
    for key in _repeated_keys(message, source):
        return Failure(f"{tag}: key `{key}` stands there twice")
    return Success(message)


def _repeated_keys(value: object, source: Json) -> Iterator[str]:
    """The keys that `source` repeats and the type of `value` knows; others may (FACTS 2.2)."""
    if isinstance(value, tuple) and isinstance(source, list):
        for item, item_source in zip(value, source, strict=True):
            yield from _repeated_keys(item, item_source)
    elif isinstance(value, Struct) and isinstance(source, JsonObject):
        names = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
        yield from sorted(source.repeated & {value.__struct_config__.tag_field, *names})
        for key, field in names.items():
            yield from _repeated_keys(getattr(value, field), source.get(key))


def _refused(reason: str) -> Failure[str]:
    """A failure whose text may quote the line, so it is cut to a length one can read."""
    fits = len(reason) <= _LONGEST_REASON
    return Failure(reason if fits else f"{reason[: _LONGEST_REASON - 1]}…")


@cache
def _family_of(member: type[Command | BusEvent]) -> _Family[Command | BusEvent]:
    return _Family("message", [member])
