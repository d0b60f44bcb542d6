"""A play's names in a real shell, where connections are counted on and ids may jump at a start."""

from bisect import bisect_right
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from saga_core.check.worlds.view import CURRENT_STAY
from saga_core.engine import (
    BusEvent,
    Command,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    FrameExpiry,
    LineRejected,
    SagaDeadline,
    SendFailed,
    Timer,
    TimerFired,
)

Message = TypeVar("Message", Command, BusEvent)

_NOBODY = 1 << 40
"""Above the number of every connection that there is."""


class Names:
    """Translates events of the play. A connection that the play never opened is nobody's."""

    def __init__(self, stay_of: Callable[[int], int]) -> None:
        self.connections: dict[int, int] = {}
        self._stay_of = stay_of
        self._from = [0]
        self._ahead = [0]

    def start(self, played: int, real: int) -> None:
        """A new run begins: its first saga is `played` in the play and `real` in the shell."""
        self.connections.clear()
        self._from.append(played)
        self._ahead.append(real - played)

    def saga(self, played: int) -> int:
        """The real id of a saga; 0 means none, here and there."""
        return played + self._ahead[bisect_right(self._from, played) - 1] if played else 0

    def connection(self, played: int) -> int:
        """The real number of a connection."""
        return self.connections.get(played, _NOBODY + played)

    def message(self, message: Message) -> Message:
        """The same message about the real saga."""
        played = getattr(message, "saga_id", None)
        return replace(message, saga_id=self.saga(played)) if played else message

    def event(self, event: Event) -> Event:
        """The same event in real names."""
        match event:
            case ConnectionOpened(played) | ConnectionClosed(played) | LineRejected(played):
                return replace(event, connection=self.connection(played))
            case CommandReceived(played, command) | SendFailed(played, command):
                real = self.connection(played)
                return replace(event, connection=real, command=self.message(command))
            case TimerFired(timer):
                return TimerFired(self._timer(timer))
            case BusEvent():
                return self.message(event)
            case _:
                return event

    def _timer(self, timer: Timer) -> Timer:
        saga_id = self.saga(timer.saga_id)
        match timer:
            case SagaDeadline():
                return SagaDeadline(saga_id)
            case FrameExpiry(_, stay):
                present = stay == CURRENT_STAY
                return FrameExpiry(saga_id, self._stay_of(saga_id) if present else stay)
