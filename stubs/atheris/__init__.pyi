from collections.abc import Callable
from contextlib import AbstractContextManager

def Setup(args: list[str], test_one_input: Callable[[bytes], None]) -> list[str]: ...  # noqa: N802 -- its own name
def Fuzz() -> None: ...  # noqa: N802 -- its own name
def instrument_imports(*, include: list[str] = ...) -> AbstractContextManager[None]: ...
