"""How a saga moves on: it opens, issues commands, and consumes their answers.

The rules
---------
1.  *Opening*: saga row, `saga_started`, entry in the registry, deadline, and only then `start`
    and what it brings about, so that a saga that ends inside `start` closes its bracket (FACTS
    F-30) and no command goes out without a deadline (R-03).
2.  *Issuing*: step row, then dispatch. The command gets the saga's id before the row is written
    (R-42). A command that its target can't take fails the saga alone (R-10, R-11).
3.  A command to the process itself runs in the same turn; its events are routed like any other.
    A turn runs a bounded number of them, then the issuing saga fails as a loop.
4.  *Answers*: an event with a saga's id goes to that saga alone. If the saga waits on, no row
    changes. If it acts, the pending step succeeded with that event, and then the action happens;
    if it gives up, the pending step failed (R-09).
"""

from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.engine import guard, links, outputs, reasons
from saga_core.engine.effects import Dispatch
from saga_core.engine.endings import complete, fail, fail_all
from saga_core.engine.events import SagaDeadline
from saga_core.engine.guard import line
from saga_core.engine.messages import BusEvent, Command, SagaStarted, tag_of
from saga_core.engine.records import SagaOpened, StepOpened, StepSucceeded
from saga_core.engine.saga import Done, Failed, IssueCommand, Saga, SagaContext, Wait
from saga_core.engine.state import Awaiting, InFlight, M
from saga_core.engine.turn import Turn


def open_saga(turn: Turn[M], saga: Saga) -> None:
    """Open a saga's bracket and start it (rule 1)."""
    saga_id = turn.take_saga_id()
    opening = guard.describe(turn.config, saga)
    turn.write(SagaOpened(saga_id, opening.name, opening.input_json))
    turn.emit(SagaStarted(saga_id, opening.name, turn.take_version()))
    flight = InFlight(saga, opening.name)
    turn.sagas = turn.sagas.set(saga_id, flight)
    turn.arm(SagaDeadline(saga_id), opening.seconds)
    if turn.stopping:
        fail(turn, saga_id, reasons.shutting_down(turn.app.process))
    elif opening.problem is not None:
        fail(turn, saga_id, opening.problem)
    else:
        _start(turn, saga_id, flight)


def answer(turn: Turn[M], saga_id: int, event: BusEvent) -> None:
    """Give a saga an event that carries its id (rule 4)."""
    flight = turn.sagas.get(saga_id)
    if flight is None:
        return
    saga, action = guard.on_event(flight.saga, event, SagaContext(saga_id))
    match action:
        case IssueCommand(target, command):
            _succeed_step(turn, saga_id, flight, event)
            _issue(turn, saga_id, flight, saga, target, command)
        case Done():
            _succeed_step(turn, saga_id, flight, event)
            complete(turn, saga_id)
        case Wait():
            if saga is not flight.saga:
                turn.sagas = turn.sagas.set(saga_id, replace(flight, saga=saga))
        case Failed(reason):
            fail(turn, saga_id, reason)


def _start(turn: Turn[M], saga_id: int, flight: InFlight) -> None:
    saga, action = guard.start(flight.saga, SagaContext(saga_id))
    match action:
        case IssueCommand(target, command):
            _issue(turn, saga_id, flight, saga, target, command)
        case Done():
            complete(turn, saga_id)
        case Wait():
            turn.sagas = turn.sagas.set(saga_id, replace(flight, saga=saga))
        case Failed(reason):
            fail(turn, saga_id, reason)


def _succeed_step(turn: Turn[M], saga_id: int, flight: InFlight, event: BusEvent) -> None:
    step = flight.awaiting
    if step is not None:
        links.release(turn, saga_id, step)
        turn.write(StepSucceeded(saga_id, step.step_index, event))


def _issue(
    turn: Turn[M], saga_id: int, flight: InFlight, saga: Saga, target: str, command: Command
) -> None:
    """Open a step and send its command; `saga` is the next value of the one in `flight`."""
    index = flight.next_step_index
    address = _address(turn, saga_id, target, command)
    if isinstance(address, Failure):
        turn.sagas = turn.sagas.set(saga_id, InFlight(saga, flight.name, None, index))
        fail(turn, saga_id, address.failure())
        return
    addressed = address.unwrap()
    name = f"issue_cmd_{target}_{tag_of(addressed)}"
    turn.write(StepOpened(saga_id, index, name, target, addressed))
    over, issued = links.newest(turn, target), turn.take_sequence()
    step = Awaiting(index, target, addressed, over, issued, issued, sent=over is not None)
    turn.sagas = turn.sagas.set(saga_id, InFlight(saga, flight.name, step, index + 1))
    _go(turn, saga_id, step)


def _address(
    turn: Turn[M], saga_id: int, target: str, command: object
) -> Success[Command] | Failure[str]:
    if not isinstance(command, Command):
        return Failure(f"saga issued {type(command).__name__}, which is no command")
    if target == turn.app.own_target:
        turn.own_commands += 1
        if turn.own_commands > turn.config.own_commands_per_step:
            return Failure(f"{target} loop: over {turn.config.own_commands_per_step} in one step")
    elif target not in turn.app.peers:
        return Failure(f"unknown target {line(target)}")
    return turn.app.address(target, command, saga_id)


def _go(turn: Turn[M], saga_id: int, step: Awaiting) -> None:
    if step.target == turn.app.own_target:
        _run_own(turn, step)
    elif dropped := links.send(turn, saga_id, step):
        fail_all(turn, dropped, reasons.overflow(step.target))


def _run_own(turn: Turn[M], step: Awaiting) -> None:
    turn.effects.append(Dispatch(step.target, None, step.command))
    outputs.carry_out(turn, turn.app.on_own_command(turn.mirror, step.command))
