"""What the server did and what it refused, in numbers: no bound works in silence."""

from msgspec import Struct


class Counters(Struct, frozen=True):
    """The counts since the start, at one moment.

    `refused_uid`, `refused_full`: peers closed at once, because they run as somebody else or
    because there were too many. `listened_anew`: how often the socket's path led elsewhere and was
    taken again. `lines_out`: lines that the OS took whole. `lines_dropped`: lines for a peer that
    was ending or gone. `lines_too_long`: lines over their bound; each ended its connection.
    `kicked_slow`: peers that didn't read (FACTS R-32, R-60): `kicked_lines` and `kicked_bytes` for
    what had to wait for them, `kicked_waiting` for a write that waited.
    """

    accepted: int = 0
    refused_uid: int = 0
    refused_full: int = 0
    accept_errors: int = 0
    listened_anew: int = 0
    lines_in: int = 0
    lines_out: int = 0
    lines_rejected: int = 0
    lines_dropped: int = 0
    lines_too_long: int = 0
    kicked_slow: int = 0
    kicked_lines: int = 0
    kicked_bytes: int = 0
    kicked_waiting: int = 0


class Tally:
    """The running counts behind `Counters`. A name that `Counters` lacks is a `KeyError`."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Counters.__struct_fields__, 0)

    def add(self, name: str, count: int = 1) -> None:
        """Count `count` more of `name`."""
        self._counts[name] += count

    def snapshot(self) -> Counters:
        """The counts of this moment."""
        return Counters(**self._counts)
