"""The lists of slow files and tests name what is there: a name that nothing bears would slow down the quick tests."""

from __future__ import annotations

import ast
import runpy
from pathlib import Path

TESTING = Path(__file__).resolve().parents[2]
LISTS = runpy.run_path(str(TESTING / "conftest.py"))


def functions(path: Path) -> set[str]:
    """Of a test file: names of functions, and of methods with their class before them."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
    return found


def test_slow_files_are_there_and_named_once() -> None:
    assert not [name for name in LISTS["SLOW"] if not (TESTING / name).is_file()]
    assert len(set(LISTS["SLOW"])) == len(LISTS["SLOW"])


def test_slow_tests_are_there_and_in_quick_files() -> None:
    split = [name.split("::", 1) for name in LISTS["SLOW_TESTS"]]
    assert not [f"{file}::{test}" for file, test in split if test.partition("[")[0] not in functions(TESTING / file)]
    assert not {file for file, _ in split} & set(LISTS["SLOW"])


def test_no_two_test_files_bear_one_name() -> None:
    """pytest takes two of one name in two folders for the same module, and collects the first alone."""
    names = [path.name for path in TESTING.rglob("test_*.py")]
    assert not {name for name in names if names.count(name) > 1}
