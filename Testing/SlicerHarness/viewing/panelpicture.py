"""Pictures of a panel as it stands in Slicer's narrow module panel, in light and dark style."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets

from ..strictness.strict import raw

LIGHT = {
    "Window": "#efefef",
    "WindowText": "#000000",
    "Base": "#ffffff",
    "AlternateBase": "#f7f7f7",
    "Text": "#000000",
    "Button": "#efefef",
    "ButtonText": "#000000",
    "Highlight": "#308cc6",
    "HighlightedText": "#ffffff",
    "ToolTipBase": "#ffffdc",
    "ToolTipText": "#000000",
    "PlaceholderText": "#808080",
    "Link": "#0000ff",
}
DARK = {
    **LIGHT,
    "Window": "#353535",
    "WindowText": "#ffffff",
    "Base": "#2a2a2a",
    "AlternateBase": "#424242",
    "Text": "#ffffff",
    "Button": "#353535",
    "ButtonText": "#ffffff",
    "Highlight": "#2a82da",
    "PlaceholderText": "#9a9a9a",
    "Link": "#2a82da",
}
DISABLED = {"light": "#a0a0a0", "dark": "#7f7f7f"}


@dataclass(frozen=True)
class PanelPicture:
    """A written picture, the width that the panel asks for at least, and the names of what is cut off."""

    path: Path
    minimum_width: int
    cut_off: tuple[str, ...]


def palette(dark: bool) -> QtGui.QPalette:
    """Return a palette like that of Slicer's light or dark style."""
    made = QtGui.QPalette()
    for role, color in (DARK if dark else LIGHT).items():
        made.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(color))
    for role in ("WindowText", "Text", "ButtonText"):
        color = QtGui.QColor(DISABLED["dark" if dark else "light"])
        made.setColor(QtGui.QPalette.ColorGroup.Disabled, getattr(QtGui.QPalette.ColorRole, role), color)
    return made


def render_panel(widget, path: Path, width: int = 400, dark: bool = False, scale: float = 1.0) -> PanelPicture:
    """Show ``widget`` in a scroll area ``width`` pixels wide, at its full height, and write it as PNG."""
    application = QtWidgets.QApplication.instance()
    # What the panel has put off (scrolling to something) must not meet the area of the picture.
    application.processEvents()
    before = application.palette()
    application.setPalette(palette(dark))
    parent = raw(widget).parentWidget()
    area = QtWidgets.QScrollArea()
    area.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
    try:
        area.resize(width, 200)
        area.show()
        height = _settle(area, widget, width)
        _grab(area, width, height, scale).save(str(path))
        minimum = raw(widget).minimumSizeHint().width()
        return PanelPicture(Path(path), minimum, _cut_off(widget, width))
    finally:
        area.takeWidget()
        raw(widget).setParent(parent)
        application.setPalette(before)
        area.deleteLater()


def render_window(window, path: Path, size: tuple[int, int], dark: bool = False) -> PanelPicture:
    """Show a window of its own (a dialog) at ``size`` pixels, and write it as PNG."""
    application = QtWidgets.QApplication.instance()
    before = application.palette()
    application.setPalette(palette(dark))
    try:
        raw(window).resize(*size)
        raw(window).show()
        for _ in range(3):
            QtWidgets.QApplication.processEvents()
        raw(window).grab().save(str(path))
        return PanelPicture(Path(path), raw(window).minimumSizeHint().width(), _cut_off(window, size[0]))
    finally:
        application.setPalette(before)


def _settle(area, widget, width: int) -> int:
    """Give the panel its own height at this width; layouts need a few rounds for wrapped texts."""
    height = 200
    for _ in range(8):
        QtWidgets.QApplication.processEvents()
        layout = raw(widget).layout()
        layout.activate()
        wanted = layout.heightForWidth(width) if layout.hasHeightForWidth() else raw(widget).sizeHint().height()
        height = max(wanted, raw(widget).minimumSizeHint().height())
        area.resize(width, height)
    for _ in range(4):
        QtWidgets.QApplication.processEvents()
        missing = area.verticalScrollBar().maximum()
        height += missing
        area.resize(width, height)
    return height


def _grab(area, width: int, height: int, scale: float) -> QtGui.QPixmap:
    picture = QtGui.QPixmap(round(width * scale), round(height * scale))
    picture.setDevicePixelRatio(scale)
    picture.fill(area.palette().color(QtGui.QPalette.ColorRole.Window))
    area.render(picture)
    return picture


def _cut_off(widget, width: int) -> tuple[str, ...]:
    """Name the visible widgets that reach beyond the right edge."""
    found = []
    for child in QtCore.QObject.findChildren(widget, QtWidgets.QWidget):
        plain = raw(child)
        right = plain.mapTo(widget, QtCore.QPoint(plain.width(), 0)).x()
        if plain.isVisible() and plain.objectName() and right > width:
            found.append(plain.objectName())
    return tuple(found)
