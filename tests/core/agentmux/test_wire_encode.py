"""Nothing is written that a peer could not read (FACTS R-36)."""

from typing import cast

import pytest
from returns.result import Success

from saga_core.agentmux.commands import (
    Ping,
    ReportHostCounts,
    ReportMonitorTopologyChanged,
    ReportWindowClosed,
    ReportWindowOpened,
    SpawnPoolWindow,
    WindowKind,
)
from saga_core.agentmux.events import EventList, ProcessExited
from saga_core.agentmux.vocabulary import U64_MAX, Rect
from saga_core.agentmux.wire import decode_command, decode_event, encode, try_encode
from saga_core.engine import U64, BusEvent, Command


class CreateTab(Command, frozen=True, tag="create_tab"):
    """A command of another program's, such as srv's."""

    name: str
    saga_id: U64 = 0


def list_in_list(times: int) -> EventList:
    """An event list inside of an event list, that many times."""
    return list_in_list(times - 1).__class__((list_in_list(times - 1),), 1) if times else EventList((), 1)


UNREADABLE: dict[str, tuple[Command | BusEvent, str]] = {
    "half of a surrogate pair": (ReportWindowClosed("\udcff"), "surrogates not allowed"),
}
