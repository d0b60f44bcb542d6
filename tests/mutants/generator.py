"""Every wrong variant of the reducer and of its sagas that the operators make, by a stable name.

A mutant is one changed function. Its name is `file:function:what:n`: what is wrong, in the words
of the source, and which one of several such places. So a name outlives edits elsewhere.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tests.mutants.operators import Fault, Site, faults

import saga_core.agentmux.sagas
import saga_core.engine

_LONGEST = 72
_PROMISES = frozenset({"history.py", "invariants.py", "alone.py", "waiting.py"})
_NO_RULES = _PROMISES | {"__init__.py", "config.py", "registry.py"}
"""Of the engine's files: names only, the promises themselves, bounds, and a map like any other."""


class Mutant(NamedTuple):
    """A function of `module` that is wrong in one place; `source` is all of it."""

    name: str
    operator: str
    module: str
    function: str
    source: str

    @property
    def fingerprint(self) -> str:
        """Changes with the function, or with what is wrong in it."""
        return blake2b(self.source.encode(), digest_size=8).hexdigest()


def mutants() -> list[Mutant]:
    """All mutants, in the order of their files and lines. Of two with the same code, the first."""
    made = [mutant for module, path in _files() for mutant in _in_file(module, path)]
    assert len({mutant.name for mutant in made}) == len(made), "names are unique"
    return made


def _files() -> Iterator[tuple[str, Path]]:
    for path in _folder(saga_core.engine):
        if path.name not in _NO_RULES:
            yield f"saga_core.engine.{path.stem}", path
    for path in _folder(saga_core.agentmux.sagas):
        name = "saga_core.agentmux.sagas"
        yield name if path.stem == "__init__" else f"{name}.{path.stem}", path


def _folder(package: ModuleType) -> list[Path]:
    assert package.__file__ is not None, f"{package.__name__} is a folder of files"
    return sorted(Path(package.__file__).parent.glob("*.py"))


def _in_file(module: str, path: Path) -> Iterator[Mutant]:
    for qualified, function in _functions(ast.parse(path.read_text())):
        seen = {ast.unparse(function)}
        count: Counter[str] = Counter()
        for site, fault in faults(function):
            source = _with(function, site, fault)
            if source in seen:
                continue
            seen.add(source)
            what = _short(fault.what)
            count[what] += 1
            name = f"{module.rpartition('.')[2]}:{qualified}:{what}:{count[what]}"
            yield Mutant(name, fault.operator, module, qualified, source)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name):
                yield name, node
            case ast.ClassDef(name=owner, body=body):
                for member in body:
                    if isinstance(member, ast.FunctionDef) and not _is_abstract(member):
                        yield f"{owner}.{member.name}", member
            case _:
                pass


def _is_abstract(function: ast.FunctionDef) -> bool:
    return any("abstract" in ast.unparse(decorator) for decorator in function.decorator_list)


def _with(function: ast.FunctionDef, site: Site, fault: Fault) -> str:
    """The source of the function with that fault in it."""
    before = getattr(site.parent, site.field)
    setattr(site.parent, site.field, _changed(before, site, fault))
    source = ast.unparse(ast.fix_missing_locations(function))
    setattr(site.parent, site.field, before)
    return source


def _changed(before: object, site: Site, fault: Fault) -> object:
    if site.place is None:
        return fault.new
    assert isinstance(before, list), "what has an index stands in a list"
    match fault.new:
        case None:
            new: list[ast.AST] = []
        case list(statements):
            return [*before[: site.place], *statements, *before[site.place + len(statements) :]]
        case node:
            new = [node]
    return [*before[: site.place], *new, *before[site.place + 1 :]]


def _short(what: str) -> str:
    return what if len(what) <= _LONGEST else what[: _LONGEST - 1] + "…"
