"""The panel in a view as narrow and low as Slicer's own, that scrolls: to measure what is seen without scrolling."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6 import QtCore, QtWidgets

from ..strictness.strict import raw, to_python
from .panelpicture import palette


@contextmanager
def viewed(widget, width: int, height: int, dark: bool = False) -> Iterator:
    """Show ``widget`` in a scroll area whose inside is ``width`` x ``height`` pixels; yields the area.

    No room is kept for the vertical scroll bar: Slicer's takes it from elsewhere, too.
    """
    application = QtWidgets.QApplication.instance()
    before = application.palette()
    application.setPalette(palette(dark))
    parent = raw(widget).parentWidget()
    area = QtWidgets.QScrollArea()
    area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    try:
        area.resize(width, height)
        area.show()
        settle()
        yield to_python(area)
    finally:
        area.takeWidget()
        raw(widget).setParent(parent)
        application.setPalette(before)
        area.deleteLater()


def settle() -> None:
    """Let layouts come to rest: wrapped texts and timers need a few rounds."""
    for _ in range(5):
        QtWidgets.QApplication.processEvents()
