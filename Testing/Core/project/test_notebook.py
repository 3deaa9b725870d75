"""The notebook of Resources/Docs runs from start to end, and holds what it showed when it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[3] / "Resources" / "Docs" / "notebook.ipynb"


def test_the_notebook_runs_and_says_what_it_said() -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("nilearn")
    stored = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(stored)
    run = nbclient.NotebookClient(
        nbformat.read(NOTEBOOK, as_version=4), timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    ).execute()
    for before, now in zip(stored.cells, run.cells, strict=True):
        assert _texts(now) == _texts(before), now.source


def test_the_notebook_is_small_and_has_its_picture() -> None:
    nbformat = pytest.importorskip("nbformat")
    stored = nbformat.read(NOTEBOOK, as_version=4)
    outputs = [output for cell in stored.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert NOTEBOOK.stat().st_size < 100_000


def _texts(cell: dict) -> list[str]:
    """What a cell shows as text; numbers that rounding on another machine may change are left out."""
    shown = []
    for output in cell.get("outputs", []):
        text = output.get("text", output.get("data", {}).get("text/plain", ""))
        shown += [line for line in text.splitlines() if "hippocampus   " not in line]
    return shown
