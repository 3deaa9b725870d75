"""Who may import whom: nobody in a circle, no room one above it, and the picture of the house is that of the code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

grimp = pytest.importorskip("grimp", reason="import-linter is not installed")

REPOSITORY = Path(__file__).resolve().parents[3]
HOUSES = ("UNetSegmentLib", "UNetSegmentPlugin")


def circles(graph: grimp.ImportGraph) -> list[str]:
    """Every import whose module leads back to the importer, with the way. Imports within functions and those for types
    alone count too: neither helps a reader who wants to understand one file without the other.
    """
    found = {}
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            back = graph.find_shortest_chain(imported, importer)
            if back and frozenset(back) not in found:
                found[frozenset(back)] = " -> ".join((importer, *back))
    return list(found.values())


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "UNetSegment"))
        return grimp.build_graph(*HOUSES, cache_dir=None)


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    found = circles(graph)
    assert not found, "\n".join(found)


def test_a_circle_is_found_and_named() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")):
        graph.add_import(importer=importer, imported=imported)
    assert circles(graph) == ["a -> b -> c -> a"]


def test_no_room_uses_one_above_it() -> None:
    run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")


def test_the_picture_of_the_house_is_that_of_the_code() -> None:
    run("Testing/Architecture/draw.py", "--check")


def run(*arguments: str) -> None:
    """Runs Python at the repository's root, and shows what it says where it fails."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "UNetSegment")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
