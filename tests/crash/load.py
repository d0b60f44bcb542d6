"""A host and a subscriber that keep a launcher busy until it is gone."""

import threading
from collections.abc import Callable
from contextlib import suppress

from tests.e2e.outside import Message, Peer, Place, wait_until
from tests.e2e.test_exchanges import answer_to

IN_FLIGHT = 20
"""Sagas that are under way at any moment, unless the host keeps silent about them."""

SILENT_ONE_IN = 10
"""The host answers all commands but the first of so many: those sagas are in flight at the end."""

ENDS = ("saga_completed", "saga_failed")


class Load:
    """Two threads that end with the launcher. `tool` and `host` heard what there was to hear."""

    def __init__(self, place: Place) -> None:
        self.tool, self.host = place.connect(), place.connect()
        self._commands = 0
        self._triggered = 0
        self._threads = [self._start(self._listen), self._start(self._serve)]

    def wait_until_one_completed(self) -> None:
        """From here on the log has sagas that completed, and one that nobody will answer."""
        wait_until(lambda: self.tool.has_heard(event="saga_completed"), "a completed saga")

    def join(self) -> None:
        """Wait until the launcher is gone, to its last line."""
        for thread in self._threads:
            thread.join()

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        def until_gone() -> None:
            with suppress(AssertionError, OSError):
                work()

        thread = threading.Thread(target=until_gone)
        thread.start()
        return thread

    def _listen(self) -> None:
        self.tool.register("tool", 7)
        self.tool.until_end()

    def _serve(self) -> None:
        self.host.register("host", 4242)
        for _ in range(IN_FLIGHT):
            self._trigger()
        while True:
            message = self.host.until_one(_concerns_the_host)
            if message.get("event") in ENDS or self._keeps_silent():
                self._trigger()
            else:
                self.host.say(**answer_to(message))

    def _keeps_silent(self) -> bool:
        self._commands += 1
        return self._commands % SILENT_ONE_IN == 1

    def _trigger(self) -> None:
        self._triggered += 1
        label = f"w{self._triggered}"
        if self._triggered % 2:
            self.host.say(cmd="report_pool_window_promoted", label=label)
        else:
            self.host.say(cmd="report_window_opened", label=label, kind="full_instance")
            self.host.say(cmd="report_window_closed", label=label)


def _concerns_the_host(message: Message) -> bool:
    return message.get("kind") == "command" or message.get("event") in ENDS


def finished(peer: Peer) -> dict[int, str]:
    """The end of each saga that this subscriber heard."""
    return {m["saga_id"]: m["event"] for m in peer.heard if m.get("event") in ENDS}
