"""How a part says that it can't be measured."""


class BenchFailed(Exception):  # noqa: N818 -- the text is the one line for the user
    """What went wrong, in one line."""
