"""Cutting a stream of bytes into lines (FACTS 2.1)."""


class LineSplitter:
    r"""Takes pieces of a stream as they come and gives back its lines, without their ends.

    `\n` and `\r\n` end a line; blank lines are left out. Once a line is longer than `limit` bytes,
    finished or not, `too_long` is set and the rest of the stream is ignored: nobody can say
    where its next line starts.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = bytearray()
        self.too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, in order."""
        if self.too_long:
            return []
        pieces = data.split(b"\n")
        tail = pieces.pop()
        if pieces and self._partial:
            pieces[0] = bytes(self._partial) + pieces[0]
            self._partial.clear()
        lines = self._usable(pieces)
        self._partial += tail
        self._check_partial()
        return lines

    def end(self) -> list[bytes]:
        """The last line, if the stream ended without a newline."""
        last = [] if self.too_long else [bytes(self._partial)]
        self._partial.clear()
        return self._usable(last)

    def _usable(self, pieces: list[bytes]) -> list[bytes]:
        lines = []
        for piece in pieces:
            line = piece.removesuffix(b"\r")
            if len(line) > self._limit:
                self.too_long = True
                break
            if line and not line.isspace():
                lines.append(line)
        return lines

    def _check_partial(self) -> None:
        # A carriage return at the very end may be half of the line's end: it doesn't count yet.
        allowed = self._limit + self._partial.endswith(b"\r")
        self.too_long = self.too_long or len(self._partial) > allowed
        if self.too_long:
            self._partial.clear()
