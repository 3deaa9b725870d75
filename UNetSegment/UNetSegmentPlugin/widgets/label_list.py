"""A searchable list of a model's structures, for models with too many of them for a line of text."""

from collections.abc import Iterable

import qt

_ROWS = 8


class LabelList:
    """Fills a list widget with names and colours, and filters it by a search box.

    Args:
        search_box, view: the widgets, a line edit and a QListWidget.
        rows: height of the list; None leaves it to the layout.
    """

    def __init__(self, search_box, view, rows: int | None = _ROWS) -> None:
        self._search_box, self._view, self._rows = search_box, view, rows
        self._shown: tuple = ()
        search_box.connect("textChanged(QString)", lambda text: self._filter())

    def show(self, labels: Iterable[tuple[str, tuple[int, int, int] | None]]) -> None:
        """Lists ``(name, colour)``; colours are 0 to 255, or None for no swatch."""
        labels = tuple(labels)
        if labels == self._shown:
            return
        self._shown = labels
        self._view.clear()
        for row, (name, color) in enumerate(labels):
            self._view.addItem(name)
            if color is not None:
                self._view.item(row).setIcon(swatch(color))
        if self._rows is not None:
            row_height = max(self._view.sizeHintForRow(0), 16)
            self._view.setFixedHeight(min(len(labels), self._rows) * row_height + 2 * self._view.frameWidth + 2)
        self._filter()

    def set_visible(self, visible: bool) -> None:
        """Shows or hides list and search box."""
        self._search_box.setVisible(visible)
        self._view.setVisible(visible)

    def _filter(self) -> None:
        words = self._search_box.text.lower().split()
        for row, (name, _color) in enumerate(self._shown):
            self._view.item(row).setHidden(not all(word in name.lower() for word in words))


def swatch(color: tuple[int, int, int]):
    """A small square of a colour (0 to 255) as an icon."""
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor(*color))
    return qt.QIcon(pixmap)
