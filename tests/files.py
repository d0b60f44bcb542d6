"""Files that another process still appends to, moves away, or left when it died."""

from contextlib import suppress
from pathlib import Path


def whole_lines(path: Path) -> list[bytes]:
    """The lines that are there to their ends; none if there is no file."""
    text = b""
    with suppress(FileNotFoundError):
        text = path.read_bytes()
    *lines, _ = text.split(b"\n")
    return lines
