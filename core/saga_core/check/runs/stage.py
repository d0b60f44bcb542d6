"""Playing moves in real names: `Reducer.step` along a run, and every promise judged on the way."""

from collections.abc import Iterator
from functools import reduce
from itertools import chain
from typing import Any, NamedTuple

from msgspec.structs import replace

from saga_core.check.promises.contracts import decides
from saga_core.check.promises.recall import remembering
from saga_core.check.promises.steps import broken_by, implied_history, unheard
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.options import Options
from saga_core.check.runs.scene import Option, Scene, fits
from saga_core.check.runs.strays import may_be_told, stray_event, strays, unkept
from saga_core.check.scope import Scenario, Scope
from saga_core.check.worlds.boundaries import (
    astray,
    ended_twice,
    failing,
    left_over,
    passed_over,
    unclosable,
)
from saga_core.check.worlds.rows import Down, after, left_by
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.slots import CLOSING, FREE, OPEN
from saga_core.check.worlds.view import same_names, settle, view
from saga_core.engine.config import Config
from saga_core.engine.effects import CloseConnection, Dispatch, Effect
from saga_core.engine.events import Event
from saga_core.engine.history import Violation
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import State


class Deed(NamedTuple):
    """One event of a move, and which of its effects were carried out."""

    event: Event
    effects: tuple[Effect, ...]


class Taken(NamedTuple):
    """A move that was played: what it did, where it led, and the promise that it broke."""

    cue: Cue
    before: Scene
    deeds: tuple[Deed, ...]
    here: Scene
    broken: Violation | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All effects that were carried out."""
        return tuple(chain.from_iterable(deed.effects for deed in self.deeds))


class Stage:
    """Where runs of one scenario are played.

    `honest`: peers do what they are asked, so no saga may fail.
    """

    def __init__(self, scenario: Scenario, scope: Scope, *, honest: bool = False) -> None:
        self.scenario = scenario
        self.scope = scope
        self.options = Options(scenario, scope)
        self._honest = honest
        self._reducer: Reducer[Any] = Reducer(scenario.application)
        self.fresh = self._reducer.initial_state(Config(buffer_cap=scope.buffer_cap))

    def first(self) -> Scene:
        """Before anything happened: nobody is connected."""
        left = tuple(count for _, count in self.scope.sagas)
        return Scene(self.fresh, left_by(self.fresh), (), None, self._free(), (), (), left)

    def play(self, here: Scene, cue: Cue) -> Taken | None:
        """Play the move that `cue` means; None if it is not possible here."""
        if cue.move == "foreign event":
            return self._stray(here, cue)
        for option in self.options.of(here):
            if fits(cue, option.cue):
                return self.take(here, option, cue.dies_in, cue.dies_after)
        return None

    def take(
        self, here: Scene, option: Option, dies_in: int = 1, dies_after: int | None = None
    ) -> Taken:
        """Play a move that is possible here; None for `dies_after`: the process lives on."""
        cue = replace(option.cue, dies_in=dies_in, dies_after=dies_after)
        if cue.move == "crash":
            return Taken(cue, here, (), self._dead(option.here, option.here.down))
        deeds: list[Deed] = []
        scene = option.here
        for number, event in enumerate(option.events, start=1):
            dies = dies_after if number == dies_in else None
            scene, effects, broken = self._step(scene, event, dies)
            deeds.append(Deed(event, effects if dies is None else effects[:dies]))
            if broken is not None or scene.state is None:
                return Taken(cue, here, tuple(deeds), scene, broken)
            if any(isinstance(effect, CloseConnection) for effect in effects):
                break
        return Taken(cue, here, tuple(deeds), scene, self._passed_over(cue, scene))

    def deaths(self, here: Scene, option: Option) -> Iterator[Taken]:
        """Every way for the process to die in a move."""
        for number, deed in enumerate(self.take(here, option).deeds, start=1):
            for done in range(len(deed.effects) + 1):
                yield self.take(here, option, number, done)

    def strays(self, here: Scene, known: tuple[Sent, ...] = ()) -> Iterator[Taken]:
        """Every event that concerns nobody and changes something all the same."""
        for cue in strays(self.scenario, here, known):
            taken = self._stray(here, cue)
            if taken is not None and taken.broken is not None:
                yield taken

    def _step(
        self, here: Scene, event: Event, dies: int | None
    ) -> tuple[Scene, tuple[Effect, ...], Violation | None]:
        before = self.fresh if here.state is None else here.state
        state, effects = self._reducer.step(before, event)
        broken = self._judged(here, before, event, state, effects)
        sent = tuple(self._sent(effects))
        scene = here._replace(
            state=state,
            down=left_by(state),
            slots=_hung_up(here.slots, effects),
            held=_joined(here.held, sent),
            sent=_joined(here.sent, sent),
        )
        if dies is not None and broken is None:
            return self._dead(scene, _left(here, state, effects[:dies])), effects, None
        ended = (*here.ended, *_left(here, state, effects).outcomes)
        return scene._replace(ended=ended), effects, broken

    def _judged(
        self,
        here: Scene,
        before: State[Any],
        event: Event,
        state: State[Any],
        effects: tuple[Effect, ...],
    ) -> Violation | None:
        if state is before and not effects:
            return unheard(before, event)
        over = [e.connection for e in effects if isinstance(e, Dispatch) and e.connection]
        app, told = self.scenario.application, implied_history(before)
        return (
            broken_by(app, told, before, event, state, effects)
            or (astray(over, here.slots) if here.state is not None else None)
            or (failing(effects) if self._honest and here.state is not None else None)
            or (self._begun(here.down, state, effects) if here.state is None else None)
        )

    def _begun(
        self, down: Down, state: State[Any], effects: tuple[Effect, ...]
    ) -> Violation | None:
        begun = (self._settled(self.fresh), self._settled(state))
        return ended_twice(down, effects) or unclosable(down) or left_over(*begun)

    def _settled(self, state: State[Any]) -> State[Any]:
        names = same_names(state, self.scenario.peers, self.scope.connections)
        return settle(self.scenario, state, names, rename=False)

    def _stray(self, here: Scene, cue: Cue) -> Taken | None:
        """An event that concerns nobody, and whether it changes something all the same."""
        event = stray_event(self.scenario, here, cue)
        if event is None or here.state is None:
            return None
        state, effects = self._reducer.step(here.state, event)
        kept = state is here.state and not effects
        if not kept and may_be_told(cue):
            same = view(self._settled(state)) == view(self._settled(here.state))
            kept = same and not any(decides(effect) for effect in effects)
        broken = None if kept else Violation("contracts", f"{event} {unkept(cue)}")
        recalled = self._reducer.step(remembering(self.scenario, here.state), event)[1]
        if kept and recalled != effects:
            sentence = f"{event} decides by what is remembered of ended sagas"
            broken, effects = Violation("contracts", sentence), recalled
        return Taken(cue, here, (Deed(event, effects),), here._replace(state=state), broken)

    def _passed_over(self, cue: Cue, here: Scene) -> Violation | None:
        if cue.move not in {"connect", "second"} or here.state is None:
            return None
        return passed_over(cue.connection, here.state.links[cue.peer].connection, here.slots)

    def _dead(self, here: Scene, down: Down) -> Scene:
        """The process died: its log has what `down` says, or what it had when it began to fail."""
        ended = here.ended
        if here.stuck is not None:
            next_saga_id = max(here.stuck.next_saga_id, down.next_saga_id)
            down = replace(here.stuck, next_saga_id=next_saga_id, excused=True)
            ended = ()
        return here._replace(state=None, down=down, ended=ended, stuck=None, slots=self._free())

    def _sent(self, effects: tuple[Effect, ...]) -> Iterator[Sent]:
        for effect in effects:
            match effect:
                case Dispatch(target, int(), command):
                    yield Sent(self.scenario.application.saga_id_of(command), target, command)
                case _:
                    pass

    def _free(self) -> tuple[int, ...]:
        return (FREE,) * len(self.options.targets)


def _left(here: Scene, state: State[Any], effects: tuple[Effect, ...]) -> Down:
    """What is left once these effects of a step are done."""
    down = replace(here.down, next_saga_id=state.counters.next_saga_id)
    return reduce(after, effects, down)


def _hung_up(slots: tuple[int, ...], effects: tuple[Effect, ...]) -> tuple[int, ...]:
    """Connections that the process ends wait for their end."""
    ends = {effect.connection for effect in effects if isinstance(effect, CloseConnection)}
    return tuple(
        CLOSING if state == OPEN and number in ends else state
        for number, state in enumerate(slots, start=1)
    )


def _joined(some: tuple[Sent, ...], more: tuple[Sent, ...]) -> tuple[Sent, ...]:
    return tuple(dict.fromkeys((*some, *more)))
