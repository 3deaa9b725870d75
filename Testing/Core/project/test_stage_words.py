"""The panel's words for the stages of a quick version are of stages that the core has."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WORDS = ROOT / "UNetSegment" / "UNetSegmentPlugin" / "compressing" / "words.py"


def texts(path: Path) -> set[str]:
    """All strings of a module."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_stage_that_the_panel_names_is_told_by_the_core() -> None:
    tree = ast.parse(WORDS.read_text(encoding="utf-8"))
    tables = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    named = {key.value for table in tables for key in table.keys if isinstance(key, ast.Constant)}
    stages = {name for name in named if isinstance(name, str)}
    core = ROOT / "UNetSegmentLib"
    files = [*(core / "compression").rglob("*.py"), core / "worker" / "running" / "compressing.py"]
    told = set[str]().union(*map(texts, files))
    assert "install" in stages and stages <= told, stages - told
