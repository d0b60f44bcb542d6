"""Small faults that one could write by hand, as edits of a function's syntax tree.

Each operator looks at one place of the tree and says how it could be wrong. Types, docstrings and
assertions are left alone: the first two decide nothing, and an assertion only says that a bug is
one.
"""

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

Replacement = ast.AST | list[ast.stmt] | None

_LEFT_ALONE = frozenset({"annotation", "returns", "decorator_list", "type_comment", "msg"})
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
_BESIDE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_OTHER_CALL = {"max": "min", "min": "max", "popleft": "pop", "append": "appendleft"}
_NUMBERS = frozenset(
    {
        "connection",
        "index",
        "issued",
        "next_saga_id",
        "next_sequence",
        "saga_id",
        "since",
        "stay",
        "step_index",
        "version",
    }
)
"""Names of ids and other numbers that a call can get wrong."""

_TEXTS = frozenset({"input_json", "name", "reason", "state", "target"})
"""Names of texts that a call can mix up."""

_WITH_DEFAULTS = frozenset({"replace", "sorted", "Dispatch"})
"""Calls that go without one of their keywords."""


class Site(NamedTuple):
    """One node of a function, and where in its parent it stands."""

    parent: ast.AST
    field: str
    place: int | None
    node: ast.AST


class Fault(NamedTuple):
    """A node that shall stand in another's place. None: nothing shall."""

    operator: str
    what: str
    new: Replacement


Operator = Callable[[Site], Iterator[Fault]]


def faults(function: ast.FunctionDef) -> Iterator[tuple[Site, Fault]]:
    """Every fault of every operator in a function, in the order of its source."""
    for site in _sites(function):
        for operator in _OPERATORS:
            for fault in operator(site):
                yield site, fault


def _sites(node: ast.AST) -> Iterator[Site]:
    for field, value in ast.iter_fields(node):
        if field in _LEFT_ALONE:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.Assert) or _is_text(child):
                continue
            yield Site(node, field, index, child)
            yield from _sites(child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_condition(site: Site) -> bool:
    match site.parent, site.field:
        case (ast.If() | ast.While() | ast.IfExp(), "test"):
            return True
        case (ast.comprehension(), "ifs") | (ast.match_case(), "guard"):
            return True
        case _:
            return False


def _negate_condition(site: Site) -> Iterator[Fault]:
    if _is_condition(site) and isinstance(site.node, ast.expr):
        yield Fault("condition negated", f"not {_text(site.node)}", _negated(site.node))


def _drop_guard(site: Site) -> Iterator[Fault]:
    """Nobody asks: what a condition keeps away comes in, and no early end ends early."""
    binds = any(isinstance(node, ast.NamedExpr) for node in ast.walk(site.node))
    if not _is_condition(site) or binds:
        return
    if isinstance(site.parent, ast.If) and isinstance(site.parent.body[-1], ast.Return):
        yield Fault("guard dropped", f"never {_text(site.node)}", ast.Constant(value=False))
    elif not isinstance(site.parent, ast.While):
        yield Fault("guard dropped", f"always {_text(site.node)}", ast.Constant(value=True))


def _drop_part(site: Site) -> Iterator[Fault]:
    """One part of an `and` or an `or` is missing."""
    if not isinstance(site.node, ast.BoolOp):
        return
    for index, part in enumerate(site.node.values):
        if any(isinstance(node, ast.NamedExpr) for node in ast.walk(part)):
            continue
        rest = [value for place, value in enumerate(site.node.values) if place != index]
        new = rest[0] if len(rest) == 1 else ast.BoolOp(op=site.node.op, values=rest)
        yield Fault("guard dropped", f"without {_text(part)}", new)


def _drop_pattern(site: Site) -> Iterator[Fault]:
    """A case of a match takes too much, or is missing."""
    match site.node:
        case ast.MatchClass(cls=cls, patterns=patterns, kwd_attrs=[name], kwd_patterns=[_]):
            wider = ast.MatchClass(cls=cls, patterns=patterns, kwd_attrs=[], kwd_patterns=[])
            yield Fault("guard dropped", f"any {name} in case {_text(site.node)}", wider)
        case ast.MatchOr(patterns=[first, second]):
            yield Fault("guard dropped", f"case {_text(second)} missing", first)
            yield Fault("guard dropped", f"case {_text(first)} missing", second)
        case ast.match_case(pattern=pattern) if isinstance(site.parent, ast.Match):
            if len(site.parent.cases) > 1:
                yield Fault("guard dropped", f"case {_text(pattern)} missing", None)
        case _:
            return


def _compare_beside(site: Site) -> Iterator[Fault]:
    """A comparison that is off by one."""
    if isinstance(site.node, ast.Compare) and (beside := _BESIDE.get(type(site.node.ops[0]))):
        new = ast.Compare(site.node.left, [beside()], site.node.comparators)
        yield Fault("off by one", f"{_text(new)}", new)


def _compare_otherwise(site: Site) -> Iterator[Fault]:
    """A comparison inside a larger condition, or one that is returned, is the opposite."""
    if isinstance(site.node, ast.Compare) and not _is_condition(site):
        yield Fault("condition negated", f"not {_text(site.node)}", _negated(site.node))


def _miscount(site: Site) -> Iterator[Fault]:
    match site.node:
        case ast.Constant(value=bool(value)):
            yield Fault("constant changed", f"{not value}", ast.Constant(value=not value))
        case ast.Constant(value=int(value)):
            yield Fault("off by one", f"{value + 1} for {value}", ast.Constant(value=value + 1))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            new = ast.BinOp(left, ast.Sub(), right)
            yield Fault("off by one", _text(new), new)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            new = ast.BinOp(left, ast.Add(), right)
            yield Fault("off by one", _text(new), new)
        case _:
            return


def _change_text(site: Site) -> Iterator[Fault]:
    """A word that is another one. What is composed for people may say what it likes."""
    match site.node:
        case ast.Constant(value=str(text)) if not isinstance(site.parent, ast.JoinedStr):
            yield Fault("constant changed", f"{text!r}", ast.Constant(value=f"other {text}"))
        case _:
            return


def _drop_statement(site: Site) -> Iterator[Fault]:
    if _acts(site.node) or isinstance(site.node, ast.For):
        yield Fault("statement dropped", _text(site.node), ast.Pass())


def _swap_statements(site: Site) -> Iterator[Fault]:
    """Two neighbours in the wrong order, such as a row and what it announces."""
    body = getattr(site.parent, site.field)
    if site.place is None or not _acts(site.node) or len(body) <= site.place + 1:
        return
    after = body[site.place + 1]
    if not isinstance(site.node, ast.Expr) and not isinstance(after, ast.Expr | ast.For):
        return
    if isinstance(site.node, ast.stmt) and (_acts(after) or isinstance(after, ast.For)):
        what = f"{_text(after)} before {_text(site.node)}"
        yield Fault("statements swapped", what, [after, site.node])


def _swap_arguments(site: Site) -> Iterator[Fault]:
    if not isinstance(site.node, ast.Call) or len(site.node.args) < 2:
        return
    call = site.node
    for index in range(len(call.args) - 1):
        one, two = call.args[index : index + 2]
        if _alike(one, two):
            args = [*call.args[:index], two, one, *call.args[index + 2 :]]
            new = ast.Call(func=call.func, args=args, keywords=call.keywords)
            yield Fault("wrong argument", f"{_text(two)}, {_text(one)} in {_text(call.func)}", new)


def _alike(one: ast.expr, two: ast.expr) -> bool:
    """Whether two arguments can be mixed up: numbers both, or texts both, and not the same."""
    names = {_name_of(one), _name_of(two)}
    return len(names) == 2 and (names <= _NUMBERS or names <= _TEXTS)


def _name_of(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def _misname(site: Site) -> Iterator[Fault]:
    """The id or number of something else."""
    if not isinstance(site.parent, ast.Compare) and not _makes_a_value(site.parent):
        return
    if not isinstance(getattr(site.node, "ctx", None), ast.Load) or site.field == "func":
        return
    if isinstance(site.node, ast.expr) and _name_of(site.node) in _NUMBERS:
        new = ast.BinOp(site.node, ast.Add(), ast.Constant(value=1))
        yield Fault("wrong argument", f"{_text(new)} in {_around(site.parent)}", new)


def _drop_keyword(site: Site) -> Iterator[Fault]:
    match site.parent, site.node:
        case ast.Call(func=ast.Name(id=called)), ast.keyword(arg=str(name)) if (
            called in _WITH_DEFAULTS
        ):
            yield Fault("wrong argument", f"no {name} in {_around(site.parent)}", None)
        case _:
            return


def _reorder(site: Site) -> Iterator[Fault]:
    """Another order, or the other end."""
    match site.node:
        case ast.Tuple(elts=[one, two], ctx=ast.Load()) if ast.Starred in (type(one), type(two)):
            swapped = ast.Tuple([two, one], ast.Load())
            yield Fault("order changed", _text(swapped), swapped)
        case ast.Call(func=ast.Name(id="sorted")):
            turned = ast.Call(ast.Name("list", ast.Load()), [_call("reversed", site.node)], [])
            yield Fault("order changed", f"reversed {_text(site.node)}", turned)
        case ast.Slice(lower=lower, upper=upper, step=None) if (lower is None) != (upper is None):
            other = ast.Slice(lower=upper, upper=lower)
            yield Fault("order changed", f"[{_text(other)}]", other)
        case ast.Name(id=name, ctx=ast.Load()) if site.field == "func" and name in _OTHER_CALL:
            yield Fault("order changed", _OTHER_CALL[name], ast.Name(_OTHER_CALL[name], ast.Load()))
        case ast.Attribute(value=value, attr=name) if site.field == "func" and name in _OTHER_CALL:
            if _is_queue(value):
                new = ast.Attribute(value, _OTHER_CALL[name], ast.Load())
                yield Fault("order changed", _text(new), new)
        case _:
            return


def _return_otherwise(site: Site) -> Iterator[Fault]:
    """Nothing comes back, or the opposite."""
    match site.node:
        case ast.Return(value=ast.Subscript() | ast.Name(id="dropped") as value):
            nothing = ast.Return(ast.Tuple([], ast.Load()))
            yield Fault("return changed", f"() for {_text(value)}", nothing)
        case ast.Return(value=ast.Name(id="step")):
            yield Fault("return changed", "None for step", ast.Return(ast.Constant(value=None)))
        case ast.Return(value=ast.BoolOp() as value):
            yield Fault("return changed", f"not {_text(value)}", ast.Return(_negated(value)))
        case _:
            return


_OPERATORS: tuple[Operator, ...] = (
    _negate_condition,
    _drop_guard,
    _drop_part,
    _drop_pattern,
    _compare_beside,
    _compare_otherwise,
    _miscount,
    _change_text,
    _drop_statement,
    _swap_statements,
    _swap_arguments,
    _misname,
    _drop_keyword,
    _reorder,
    _return_otherwise,
)


def _acts(node: ast.AST) -> bool:
    """Whether a statement is there for what it does, not for a name that it binds."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            return True
        case ast.Assign(targets=[ast.Attribute()]):
            return True
        case _:
            return False


def _negated(node: ast.expr) -> ast.expr:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=comparators):
            return ast.Compare(left, [_OPPOSITE[type(op)]()], comparators)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case _:
            return ast.UnaryOp(ast.Not(), node)


def _makes_a_value(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and (_name_of(node.func) or "")[:1].isupper()


def _is_queue(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "agenda"


def _call(name: str, argument: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), [argument], [])


def _around(node: ast.AST) -> str:
    return _text(node.func) if isinstance(node, ast.Call) else _text(node)


def _text(node: ast.AST) -> str:
    """The source of a node in one line, for names."""
    return " ".join(ast.unparse(node).split())
