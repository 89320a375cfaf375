"""Names and texts of the tree's Python files, each parsed when it has changed."""

import ast
import hashlib
import os
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from infra.template import ROOT

_KEPT = ROOT / ".local" / "sources"
_READER = hashlib.sha256(Path(__file__).read_bytes()).digest()
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED_BY: dict[type[ast.AST], str] = {
    ast.Name: "id",
    ast.Attribute: "attr",
    ast.FunctionDef: "name",
    ast.AsyncFunctionDef: "name",
    ast.ClassDef: "name",
    ast.alias: "name",
    ast.arg: "arg",
    ast.keyword: "arg",
}
_DEFINING = (ast.arg, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(slots=True)
class Source:
    """One file's names and texts, comments excepted."""

    identifiers: list[tuple[int, str]] = field(default_factory=list)
    """Every name that the file gives to something, with its line."""
    docstrings: list[tuple[int, str]] = field(default_factory=list)
    """Every docstring, with the line of what it belongs to."""
    words: set[str] = field(default_factory=set)
    """Parts of every name used, and the words of every text that is no docstring."""
    texts: set[str] = field(default_factory=set)
    """Every text that is no docstring."""
    members: dict[str, set[str]] = field(default_factory=dict)
    """Names that each class defines, by the class's."""
    functions: list[str] = field(default_factory=list)
    """Names of its functions and methods."""


@cache
def source(file: Path) -> Source:
    """Read a file, or what is kept of it since it changed last."""
    content = file.read_bytes()
    digest = hashlib.sha256(_READER + content).digest()
    kept = _KEPT / hashlib.sha256(str(file).encode()).hexdigest()
    if kept.is_file():
        of, found = pickle.loads(kept.read_bytes())  # noqa: S301 - ours
        if of == digest:
            return Source(*found)
    made = parsed(content.decode())
    fields = [getattr(made, name) for name in Source.__slots__]
    _KEPT.mkdir(parents=True, exist_ok=True)
    written = kept.with_name(f"{kept.name}.{os.getpid()}")
    written.write_bytes(pickle.dumps((digest, fields)))
    written.replace(kept)  # another process may write it at the same time
    return made


def parsed(text: str) -> Source:
    """Read a file's text."""
    found = Source()
    docstrings: set[ast.expr] = set()
    for node in nodes(ast.parse(text)):
        if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
            docstrings.add(node.body[0].value)
            if docstring := ast.get_docstring(node):
                found.docstrings.append((getattr(node, "lineno", 1), docstring))
        if name := _NAMED_BY.get(type(node)):
            _add_name(found, node, str(getattr(node, name)))
        elif isinstance(node, ast.Constant) and node not in docstrings:
            found.words.update(re.findall(r"\w+", str(node.value)))
            if isinstance(node.value, str):
                found.texts.add(node.value)
    return found


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes, each before those that it contains; several times as fast as ast.walk."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend(each for each in value if isinstance(each, ast.AST))
            elif isinstance(value, ast.AST) and name != "ctx":
                waiting.append(value)


def _add_name(found: Source, node: ast.AST, name: str) -> None:
    found.words.update(name.split("."))
    if isinstance(node, _DEFINING) or isinstance(getattr(node, "ctx", None), ast.Store):
        found.identifiers.append((getattr(node, "lineno", 1), name))
    if isinstance(node, ast.FunctionDef):
        found.functions.append(name)
    if isinstance(node, ast.ClassDef):
        found.members.setdefault(name, set()).update(_defined(node))


def _defined(owner: ast.ClassDef) -> Iterator[str]:
    for node in nodes(owner):
        match node:
            case ast.FunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
