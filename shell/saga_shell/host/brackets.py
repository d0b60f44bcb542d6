"""When the host may leave after the launcher told it to quit.

`host_should_quit` comes with the close of the last window, and that close starts a saga whose
commands are still to come (FACTS 2.10). A host that left at once would fail it. So the host follows
the brackets on the bus and leaves when all of them are closed, that saga's among them.
"""

from saga_core.engine import BusEvent, SagaCompleted, SagaFailed, SagaStarted


class Brackets:
    """The sagas that are open, as the bus tells it, and the one that the last close began."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._awaited_label: str | None = None
        self._awaited_saga: int | None = None

    @property
    def settled(self) -> bool:
        """No saga is open, and the last closed window's has been and gone."""
        return not self._open and self._awaited_label is None

    def window_closed(self, label: str) -> None:
        """The host reported this close, so a saga about `label` will come."""
        self._awaited_label = label
        self._awaited_saga = None

    def commanded(self, saga_id: int | None, label: str) -> None:
        """A command about `label` came: this is which saga it was."""
        if label == self._awaited_label:
            self._awaited_saga = saga_id

    def heard(self, event: BusEvent) -> None:
        """Follow one event of the bus."""
        match event:
            case SagaStarted(saga_id=saga_id):
                self._open.add(saga_id)
            case SagaCompleted(saga_id=saga_id) | SagaFailed(saga_id=saga_id):
                self._ended(saga_id)
            case _:
                return

    def _ended(self, saga_id: int) -> None:
        self._open.discard(saga_id)
        if saga_id == self._awaited_saga:
            self._awaited_label = self._awaited_saga = None
