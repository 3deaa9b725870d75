"""Renders the icons' SVG sources to the PNGs that Slicer and the Extensions Manager show (needs PySide6-Essentials)."""

from pathlib import Path

from PySide6 import QtCore, QtGui, QtSvg

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
TARGETS = {
    REPOSITORY / "Resources" / "Icons" / "UNetSegment.png": 128,
    REPOSITORY / "UNetSegment" / "Resources" / "Icons" / "UNetSegment.png": 64,
}


def main() -> None:
    """Writes every target anew."""
    renderer = QtSvg.QSvgRenderer(str(HERE / "UNetSegment.svg"))
    for path, side in TARGETS.items():
        image = QtGui.QImage(side, side, QtGui.QImage.Format.Format_ARGB32)
        image.fill(QtCore.Qt.GlobalColor.transparent)
        painter = QtGui.QPainter(image)
        renderer.render(painter)
        painter.end()
        if not image.save(str(path)):
            raise OSError(f"{path} could not be written")


if __name__ == "__main__":
    main()
