"""The supervised processes together: whose end ends the launcher, and who may be whom."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
from returns.result import Failure, Success
from tests.shell.launcher.children import FOR_EVER, appears
from tests.shell.launcher.parts import polled

from saga_shell.launcher.ends import first, never
from saga_shell.launcher.family import Family, check_programs
from saga_shell.launcher.options import Exit, Options


def options(host: str | None = None, srv: str | None = None) -> Options:
    """Options that supervise these shell scripts."""
    commands = [script and ("/bin/sh", "-c", script, "sh") for script in (host, srv)]
    return Options(
        Path("nowhere"), "1.0", host_command=commands[0] or None, srv_command=commands[1] or None
    )


def end_of(host: str | None = None, srv: str | None = None) -> Exit:
    """How a family ends by itself."""

    async def main() -> Exit:
        family = Family(options(host, srv), os.environ)
        assert await family.start() == Success(None)
        try:
            return await family.ended()
        finally:
            await family.stop()

    return asyncio.run(main())


def test_a_host_that_ends_cleanly_ends_the_launcher_with_0() -> None:
    """DESIGN 7: the user closed the last window; srv is stopped with it."""
    assert end_of(host="exit 0", srv=FOR_EVER) == Exit(0)


def test_a_host_whose_budget_is_spent_ends_the_launcher_with_its_code() -> None:
    """DESIGN 7: and with one line that says so."""
    line = "the host ended with code 7 too often: see its output"
    assert end_of(host="exit 7", srv=FOR_EVER) == Exit(7, line)


def test_an_srv_whose_budget_is_spent_ends_the_launcher_with_1() -> None:
    """FACTS 1.4: a launcher without its back end doesn't live on."""
    line = "the srv ended with code 7 too often: see its output"
    assert end_of(host=FOR_EVER, srv="exit 7") == Exit(1, line)


def test_an_srv_that_ends_cleanly_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """DESIGN 7: the launcher goes on with its host alone, and says so."""

    async def main() -> None:
        family = Family(options(FOR_EVER, "exit 0"), os.environ)
        await family.start()
        ending = asyncio.create_task(family.ended())
        await polled(lambda: caplog.messages != [])
        assert not ending.done()
        ending.cancel()
        await asyncio.wait([ending])
        await family.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.messages == ["the srv ended and is not started again"]


def test_a_family_of_nobody_never_ends() -> None:
    """DESIGN 6: with `--no-host` the launcher lives until it is told to end."""

    async def main() -> None:
        family = Family(options(), os.environ)
        assert await family.start() == Success(None)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(family.ended(), 0.01)
        assert family.barred_roles(os.getpid()) == ()
        await family.stop()

    asyncio.run(main())


def test_only_a_supervised_process_may_take_its_role(tmp_path: Path) -> None:
    """FACTS R-53: each role belongs to its own process and what that started; srv is no host."""

    async def main() -> None:
        family = Family(
            options(
                f"echo $$ > {tmp_path}/host; {FOR_EVER}", f"echo $$ > {tmp_path}/srv; {FOR_EVER}"
            ),
            os.environ,
        )
        await family.start()
        host, srv = [int(await appears(tmp_path / role)) for role in ("host", "srv")]
        barred = [
            await asyncio.to_thread(family.barred_roles, pid) for pid in (host, srv, os.getpid())
        ]
        assert barred == [("srv",), ("host",), ("srv", "host")]
        await family.stop()

    asyncio.run(main())


def test_a_role_that_is_not_supervised_is_free() -> None:
    """DESIGN 6: with `--no-host` and an srv, a host may come from outside."""

    async def main() -> None:
        family = Family(options(None, FOR_EVER), os.environ)
        await family.start()
        assert await asyncio.to_thread(family.barred_roles, os.getpid()) == ("srv",)
        await family.stop()

    asyncio.run(main())


def test_what_had_been_started_is_stopped_when_another_can_not(tmp_path: Path) -> None:
    """DESIGN 7: a start-up failure is one line, and leaves nothing running."""
    both = Options(
        tmp_path, "1.0", host_command=("/no/such",), srv_command=("/bin/sh", "-c", FOR_EVER)
    )

    async def main() -> None:
        family = Family(both, os.environ)
        line = "can't start the host /no/such: No such file or directory: see --host-cmd"
        assert await family.start() == Failure(line)
        await family.stop()

    asyncio.run(main())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_programs_are_checked_before_anything_is_started() -> None:
    """DESIGN 7: a mistyped `--host-cmd` is found out before anything is taken."""
    assert check_programs(options("true", "true"), os.environ) == Success(None)
    wrong = Options(Path("nowhere"), "1.0", host_command=("no-such-host",))
    line = "can't start the host no-such-host: no such program: see --host-cmd"
    assert check_programs(wrong, os.environ) == Failure(line)


def test_of_several_ends_at_once_the_first_named_counts() -> None:
    """The result doesn't depend on chance, and nothing that was waited for lives on."""

    async def say(text: str) -> str:
        return text

    async def main() -> None:
        assert await first(say("a"), say("b"), never()) == "a"
        assert await first(never(), say("b")) == "b"
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_what_is_shielded_lives_on() -> None:
    """The runner isn't ended by the end of what it was raced with."""

    async def main() -> None:
        forever: asyncio.Future[None] = asyncio.ensure_future(never())

        async def say() -> None:
            return None

        await first(asyncio.shield(forever), say())
        assert not forever.done()
        forever.cancel()

    asyncio.run(main())


def test_an_exception_of_the_first_is_raised_and_the_others_are_ended() -> None:
    """DESIGN 3: a bug ends the run visibly, also if two fail at once."""

    async def fail(text: str) -> None:
        raise ZeroDivisionError(text)

    async def main() -> None:
        with pytest.raises(ZeroDivisionError, match="one"):
            await first(fail("one"), fail("two"), never())
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
