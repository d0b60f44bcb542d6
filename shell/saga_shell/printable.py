"""Other people's texts, such as a peer's label, in one line that harms no terminal."""

import re

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that end a line, move a terminal's cursor, or can't be written at all."""


def printable(text: str) -> str:
    """`text` in one line, with what would harm a terminal as escapes, such as those of `repr`."""
    return _UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
