"""The real launcher with its real host: panes on pseudo-terminals, and a user who is busy."""

import json
import os

from tests.e2e.outside import Place, Running, wait_until
from tests.files import whole_lines
from tests.processes import is_running


class Household:
    """A place whose launchers supervise hosts. What the user does goes through a named pipe."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._control_path = place.directory / "control"
        self._journal = place.directory / "panes.jsonl"
        os.mkfifo(self._control_path)
        self._control = os.open(self._control_path, os.O_RDWR | os.O_NONBLOCK)
        place.environment |= {
            "AGENTMUX_HOST_CONTROL": str(self._control_path),
            "AGENTMUX_HOST_JOURNAL": str(self._journal),
        }

    def start(self) -> Running:
        """Start a launcher with its host, and wait until it listens."""
        return self.place.start().wait_until_listening()

    def act(self, actions: str) -> None:
        """Let the user do something; the next host does what this one has not read."""
        os.write(self._control, actions.encode() + b"\n")

    def panes(self) -> list[int]:
        """The processes of all panes that were ever started."""
        entries = [json.loads(line) for line in whole_lines(self._journal)]
        return [entry["pid"] for entry in entries if entry["event"] == "pane_started"]

    def wait_until_panes_are_gone(self, pids: list[int]) -> None:
        """No pane outlives its host (FACTS R-21, RELIABILITY 17)."""
        wait_until(lambda: not any(map(is_running, pids)), f"the end of the panes {pids}")

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._control)
