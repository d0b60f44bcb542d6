"""What effects have told so far: rows, bus and armed timers."""

from tests.core.rows import Rows

from saga_core.engine import (
    ArmTimer,
    BusEvent,
    CancelTimer,
    Effect,
    Emit,
    SagaCompleted,
    SagaFailed,
    Timer,
    WriteLog,
)


class Told:
    """Folded from effects alone, and strictly: no timer is armed twice, no saga ends twice."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.bus: list[BusEvent] = []
        self.timers: set[Timer] = set()

    def note(self, effect: Effect) -> None:
        """One effect more."""
        match effect:
            case WriteLog(record):
                self.rows.commit(record)
            case Emit(event):
                self.bus.append(event)
            case ArmTimer(timer):
                assert timer not in self.timers, f"{timer} is armed already"
                self.timers.add(timer)
            case CancelTimer(timer):
                self.timers.discard(timer)
            case _:
                pass

    def endings(self) -> dict[int, str]:
        """How each ended saga ended on the bus: its reason, or `completed`."""
        ends: dict[int, str] = {}
        for event in self.bus:
            if isinstance(event, SagaCompleted | SagaFailed):
                assert event.saga_id not in ends, f"saga {event.saga_id} ended twice on the bus"
                ends[event.saga_id] = getattr(event, "reason", "completed")
        return ends
