"""The saga log of a data directory, for reading, with what one must know to judge its rows."""

from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.streams import remark
from saga_shell.log import LogError, Owner, SagaLogReader, find_log, open_read_only, owner_of

A = TypeVar("A")


class Place(Struct, frozen=True):
    """A data directory: where its log is, and the launcher that lives there, if any."""

    data_dir: Path
    log: Path
    owner: Owner | None

    @property
    def live(self) -> bool:
        """Whether a launcher lives there."""
        return self.owner is not None

    @property
    def degraded(self) -> str | None:
        """Why rows are missing: what the live launcher says of its log (FACTS R-44)."""
        if self.owner is None or self.owner.note is None:
            return None
        return f"the live launcher can't write its log: {self.owner.note}"


def place_of(data_dir: Path) -> Place:
    """Look at the data directory. Raises `Refusal` if there is none."""
    try:
        data_dir.stat()
        if not data_dir.is_dir():
            raise Refusal(f"data directory {data_dir} is no directory: check --data-dir")
        return Place(data_dir, find_log(data_dir), owner_of(data_dir))
    except OSError as error:
        line = f"data directory {data_dir}: {error.strerror}: check --data-dir"
        raise Refusal(line) from None


def open_log(place: Place) -> SagaLogReader | None:
    """Open the log; None if there is none yet. Raises `Refusal` if it can't be read."""
    match open_read_only(place.log):
        case Failure(error) if error.kind == "missing":
            return None
        case Failure(error):
            raise Refusal(error.message)
        case Success(reader):
            if reader.notice is not None:
                remark(PROGRAM, reader.notice)
            return reader


def read(result: Success[A] | Failure[LogError]) -> A:
    """What was read. Raises `Refusal` if it could not be."""
    match result:
        case Success(found):
            return found
        case Failure(error):
            raise Refusal(error.message)
