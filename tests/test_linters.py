"""Style, types, layers and the house's own rules: a change that breaks one fails here with the tool's own words."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
FOLDERS = [folder for folder in ("src", "tests", "bench", "setup") if (ROOT / folder).is_dir()]
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

LONGEST_FUNCTION = 40
LONGEST_MODULE = 500
DEEPEST_NESTING = 3
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
_NAMED_MODULE = re.compile(r"`(teig(?:\.[a-z_]+)+)`")
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
_SCOPES = (ast.With, ast.AsyncWith)  # no decision: what is inside counts as if it stood outside


def _tool(*argv: str) -> None:
    done = subprocess.run(
        [str(BIN / argv[0]), *argv[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(argv)}\n{done.stdout}{done.stderr}", pytrace=False)


def test_ruff_check() -> None:
    _tool("ruff", "check", "--no-cache", *FOLDERS)


def test_ruff_format() -> None:
    _tool("ruff", "format", "--no-cache", "--check", "--diff", *FOLDERS)


def test_mypy_strict() -> None:
    _tool("mypy", *FOLDERS)


def test_imports_point_downwards() -> None:
    _tool("lint-imports", "--no-cache")


def test_house_rules() -> None:
    broken = [rule for path in MODULES for rule in _broken_rules(path, path.read_text(encoding="utf-8"))]
    if broken:
        pytest.fail("\n".join(broken), pytrace=False)


def test_modules_that_texts_name_exist() -> None:
    texts = [*MODULES, ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    gone = [
        f"{path.relative_to(ROOT)}: there is no {name}"
        for path in texts
        for name in _NAMED_MODULE.findall(path.read_text(encoding="utf-8"))
        if not _resolves(name)
    ]
    assert not gone


def _resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def _broken_rules(path: Path, text: str) -> Iterator[str]:
    where = path.relative_to(ROOT)
    if path.stem in NAMES_THAT_SAY_NOTHING:
        yield f"{where}: the name says nothing of what is in it"
    lines = len(text.splitlines())
    if lines > LONGEST_MODULE:
        yield f"{where}: {lines} lines; a module has at most {LONGEST_MODULE}"
    if path.parent.name == "versions":  # a migration is a list of tables, as long as they are many
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _broken_function_rules(f"{where}:{node.lineno}: {node.name}", node)


def _broken_function_rules(where: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > LONGEST_FUNCTION:
        yield f"{where} has {lines} lines; a function has at most {LONGEST_FUNCTION}"
    depth = _depth(node.body)
    if depth > DEEPEST_NESTING:
        yield f"{where} is nested {depth} deep; at most {DEEPEST_NESTING}"


def _depth(body: list[ast.stmt]) -> int:
    """Return how deep blocks lie in each other; `elif` is as deep as its `if`, a function inside counts for itself."""
    return max((_statement_depth(statement) for statement in body), default=0)


def _statement_depth(statement: ast.stmt) -> int:
    if isinstance(statement, _SCOPES):
        return _depth(statement.body)
    if not isinstance(statement, _BLOCKS):
        return 0
    if isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
        return max(1 + _depth(statement.body), _statement_depth(statement.orelse[0]))
    inner: list[ast.stmt] = []
    for field in ("body", "orelse", "finalbody"):
        inner += getattr(statement, field, [])
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        inner += part.body
    return 1 + _depth(inner)
