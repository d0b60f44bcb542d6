"""The records of a log in the order of time, without holding more than what is in flight.

The rules
---------
1.  The records of one saga follow each other, and sagas open in the order of their ids, whatever
    their times say. A time that goes back against that order is that of a clock that was set back:
    such a record counts as one of the latest time before it, and is counted.
2.  Records of one time come as one *moment*: which of them was first, the log doesn't tell.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from saga_core.check.logged.said import Dated, LoggedSaga


class Story:
    """One saga's records, and how many of them are accounted for."""

    __slots__ = ("place", "records", "saga_id", "times")

    def __init__(self, saga: LoggedSaga, times: tuple[str, ...]) -> None:
        self.saga_id = saga.saga_id
        self.records = saga.records
        self.times = times
        self.place = 0

    def ahead(self, by: int = 0) -> Dated | None:
        """The next record, or the one that comes `by` later; None at the end."""
        place = self.place + by
        return self.records[place] if place < len(self.records) else None

    def due(self, moment: str, by: int = 0) -> Dated | None:
        """The same, if it belongs to this moment."""
        place = self.place + by
        if place < len(self.records) and self.times[place] == moment:
            return self.records[place]
        return None


class Timeline:
    """Iterates over moments: each gives the ids of the sagas that have records in it.

    `stories` are the sagas that have opened, or do so at this moment, and have records left or have
    not ended; whoever reads on takes the others out. `coming` says whether any saga is still to
    open after this moment.
    """

    def __init__(self, sagas: Iterable[LoggedSaga]) -> None:
        self.stories: dict[int, Story] = {}
        self.sagas = self.records = self.times_back = 0
        self._source = iter(sagas)
        self._opened_last = ""
        self._upcoming = self._read()
        self._later: list[tuple[str, int]] = []

    @property
    def coming(self) -> bool:
        """Whether any saga opens later."""
        return self._upcoming is not None

    def moments(self) -> Iterator[tuple[str, list[int]]]:
        """Each time, and the sagas that have records of it, in the order in which to look."""
        while self._upcoming is not None or self._later:
            moment = self._next_time()
            ids = [*self._going_on(moment), *self._opening(moment)]
            yield moment, ids
            for saga_id in ids:
                self._plan(saga_id)

    def count_rest(self) -> None:
        """Read what nobody looks at any more, so that the counts are of the whole log."""
        while self._upcoming is not None:
            self._upcoming = self._read()

    def _next_time(self) -> str:
        times = [self._later[0][0]] if self._later else []
        if self._upcoming is not None:
            times.append(self._upcoming.times[0])
        return min(times)

    def _going_on(self, moment: str) -> Iterator[int]:
        while self._later and self._later[0][0] == moment:
            yield heappop(self._later)[1]

    def _opening(self, moment: str) -> Iterator[int]:
        while (story := self._upcoming) is not None and story.times[0] == moment:
            self.stories[story.saga_id] = story
            self._upcoming = self._read()
            yield story.saga_id

    def _plan(self, saga_id: int) -> None:
        story = self.stories.get(saga_id)
        if story is not None and story.ahead() is not None:
            heappush(self._later, (story.times[story.place], saga_id))

    def _read(self) -> Story | None:
        saga = next(self._source, None)
        if saga is None:
            return None
        self.sagas += 1
        self.records += len(saga.records)
        times = tuple(self._settled(saga.records))
        self._opened_last = times[0]
        return Story(saga, times)

    def _settled(self, records: tuple[Dated, ...]) -> Iterator[str]:
        latest = self._opened_last
        for record in records:
            if record.at < latest:
                self.times_back += 1
            latest = max(latest, record.at)
            yield latest
