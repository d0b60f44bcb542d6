"""Hypothesis strategies for every command and event, built from their types alone."""

from functools import cache

from hypothesis import strategies as st
from msgspec import inspect

U64_MAX = 2**64 - 1


def messages(member: type) -> st.SearchStrategy[object]:
    """Any value of a command's or event's type that the wire can carry."""
    return _values(inspect.type_info(member))


def _values(info: inspect.Type) -> st.SearchStrategy[object]:
    match info:
        case inspect.UnionType(types=types):
            return st.one_of([_values(member) for member in types])
        case inspect.VarTupleType(item_type=item):
            return st.lists(_values(item), max_size=3).map(tuple)
        case inspect.TupleType(item_types=items):
            return st.tuples(*(_values(item) for item in items))
        case inspect.StructType(cls=member):
            return _structs(member)
        case _:
            return _scalars(info)


def _scalars(info: inspect.Type) -> st.SearchStrategy[object]:
    match info:
        case inspect.IntType(ge=first, le=last):
            return st.integers(first, U64_MAX if last is None else last)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.StrType():
            return st.text(max_size=12)
        case inspect.BoolType():
            return st.booleans()
        case _:
            assert isinstance(info, inspect.NoneType), info
            return st.none()


@cache
def _structs(member: type) -> st.SearchStrategy[object]:
    """Deferred, since an event list holds events."""
    return st.deferred(lambda: _built(member))


def _built(member: type) -> st.SearchStrategy[object]:
    info = inspect.type_info(member)
    assert isinstance(info, inspect.StructType)
    return st.builds(member, **{field.name: _values(field.type) for field in info.fields})
