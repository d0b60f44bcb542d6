"""The mutants that contracts, search and liveness don't notice, and what nobody promised them."""

_LACK: dict[str, tuple[str, ...]] = {
    "what a reason says, in words: only that it is told alike everywhere is a promise": (
        "guard:line:' ':1",
        "guard:line:not len(encodable) <= _REASON_LENGTH:1",
        "guard:_text:not not isinstance(value, str | BaseException):1",
        "guard:_shown:not value is None or type(value) in _PLAIN:1",
        "guard:_shown:never value is None or type(value) in _PLAIN:1",
        "guard:_shown:without value is None:1",
        "guard:_shown:without type(value) in _PLAIN:1",
        "guard:_shown:not value is None:1",
        "guard:_shown:not type(value) in _PLAIN:1",
        "progress:_address:never not isinstance(command, Command):1",
        "reducer:_fail_action:event.reason, target in reasons.action_failed:1",
        "reducer:_send_failed:'a command could not be sent':1",
    ),
    "that 256 endings are kept: no world here has more than a few": (
        "outcomes:push:not len(tail) < _BLOCK:1",
        "outcomes:push:never len(tail) < _BLOCK:1",
    ),
    "an order between two effects of which neither shows anything of the other": (
        (
            "outputs:hang_up:"
            "turn.effects.append(CloseConnection(connection, reason)) before detach(…:1"
        ),
        (
            "progress:_succeed_step:"
            "turn.write(StepSucceeded(saga_id, step.step_index, event)) before links…:1"
        ),
        (
            "progress:_run_own:"
            "outputs.carry_out(turn, turn.app.on_own_command(turn.mirror, step.comma…:1"
        ),
    ),
    "that who asks is told (FACTS R-51): the checker's peers go on, told or not": (
        "outputs:_do:case Answer(connection, event) missing:1",
        "outputs:_do:turn.effects.append(Reply(connection, replace(event, version=turn.versi…:1",
        "outputs:_do:connection + 1 in Reply:1",
    ),
    "which version a private answer carries: the checker's peers don't read it": (
        "outputs:_do:no version in replace:1",
    ),
    "that who registers hears the bus (FACTS R-50): the checker's peers go on, hearing or not": (
        "outputs:_do:case Admit(connection) missing:1",
        "outputs:_do:turn.effects.append(Subscribe(connection)):1",
        "outputs:_do:connection + 1 in Subscribe:1",
    ),
    "how many commands to itself make a loop: near the bound, each number ends it": (
        "progress:_address:2 for 1:1",
        "progress:_address:turn.own_commands >= turn.config.own_commands_per_step:1",
        "turn:Turn.__init__:1 for 0:1",
    ),
    "that the mirror learns of an end (FACTS F-15, R-58): what it then shows is not judged": (
        (
            "reducer:_connection_closed:"
            "outputs.carry_out(turn, turn.app.on_closed(turn.mirror, event.connectio…:1"
        ),
    ),
    "that numbers have no gaps: they may jump, by decision (DESIGN 7)": (
        "events:RecoveryRequested.first_free_id:1 for 0:1",
        "events:RecoveryRequested.first_free_id:2 for 1:1",
        "turn:Turn.take_saga_id:2 for 1:1",
        "turn:Turn.take_sequence:2 for 1:1",
    ),
    "what a saga tells of its input: any JSON is as good": (
        "pool_respawn:PoolRespawn.input_snapshot:'promoted_label':1",
        "window_cleanup:WindowCleanup.input_snapshot:'closed_label':1",
    ),
    "that a saga waits on at an answer to something else: what it makes of one is its own": (
        "pool_respawn:PoolRespawn.on_event:case _ missing:1",
        "window_cleanup:WindowCleanup.on_event:case _ missing:1",
    ),
}
"""The mutants that nobody kills, by the property that is missing."""

MISSING = {name: lacking for lacking, names in _LACK.items() for name in names}
"""The property that is missing, by the mutant's name."""
