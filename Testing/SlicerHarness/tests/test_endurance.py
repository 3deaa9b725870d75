"""Many objects made by Qt are given strict classes and die again: no reference may be lost."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import qt

from SlicerHarness.application import factory

SAMPLE = Path(__file__).parent / "sample" / "HarnessSample.py"


def test_panels_come_and_go():
    for _ in range(6):
        module = factory.load(SAMPLE)
        assert module.widgetRepresentation().self().ui.applyButton.text == "Apply"
        factory.unload(module)
        del sys.modules["HarnessSample"], module
        gc.collect()


def test_objects_of_qt_and_their_types_stay_counted():
    table = qt.QTableWidget(1, 1)
    assert table.horizontalHeader().visible is False
    before = sys.getrefcount(None), sys.getrefcount(qt.QHeaderView)
    for _ in range(300):
        other = qt.QTableWidget(1, 1)
        other.horizontalHeader().setStretchLastSection(True)
        other.clear()
        del other
    after = sys.getrefcount(None), sys.getrefcount(qt.QHeaderView)
    assert all(new > old - 100 for old, new in zip(before, after, strict=True)), (before, after)
