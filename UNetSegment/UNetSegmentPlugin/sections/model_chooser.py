"""The model on one line: a box that opens a searchable list, by mouse and by keyboard."""

from collections.abc import Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..models import catalog
from ..widgets.texts import set_text
from ..widgets.widths import Ruler

_VISIBLE_ROWS = 6
_LEAST_WIDTH = 340
_PAGE = 5
# Of a combo box: its edges and its arrow.
_FRAME_WIDTH = 34


class ModelChooser:
    """Shows the chosen model and lets the user choose another.

    Args:
        content: the list's window, out of ``ModelList.ui``.
        on_choose: gets the name of the model that was chosen.
        on_library: gets the words that were searched for when the library is asked for.

    ``box`` is what stands in the panel, ``popup`` what it opens.
    """

    def __init__(self, content, on_choose: Callable[[str], None], on_library: Callable[[str], None]) -> None:
        self.ui = slicer.util.childWidgetVariables(content)
        self._on_choose, self._on_library = on_choose, on_library
        self._cards: tuple = ()
        self.box = ModelBox(self.open)
        self.popup = ListPopup(self.box, content, self.on_key)
        self.ui.modelSearchBox.connect("textChanged(QString)", lambda text: self._filter())
        self.ui.modelList.connect("itemClicked(QListWidgetItem*)", lambda item: self.accept())
        self.ui.modelList.connect("itemActivated(QListWidgetItem*)", lambda item: self.accept())
        self.ui.libraryButton.connect("clicked()", self._on_library_button)

    def fill(self, cards) -> None:
        """Lists the models anew."""
        self._cards = tuple(cards)
        view = self.ui.modelList
        view.clear()
        for row, card in enumerate(self._cards):
            view.addItem(f"{card.title}\n{catalog.subtitle(card)}")
            view.item(row).setToolTip(card.description)
        self._filter()

    def show(self, card) -> None:
        """Shows the chosen model, or that there is none."""
        self.box.show_text(card.title if card is not None else _("Choose a model"))
        tip = _("The model. Type to search by name, anatomy, modality or structure.")
        self.box.toolTip = f"{card.title}\n{tip}" if card is not None else tip
        names = [other.name for other in self._cards]
        if not self.popup.isVisible():
            self.ui.modelList.setCurrentRow(names.index(card.name) if card is not None and card.name in names else -1)

    def open(self, text: str = "") -> None:
        """Opens the list, searched for ``text``."""
        self.ui.modelSearchBox.text = text
        self._filter()
        self.popup.open_below(self.box, _LEAST_WIDTH)
        view = self.ui.modelList
        if view.currentItem() is not None:
            view.scrollToItem(view.currentItem())
        self.ui.modelSearchBox.setFocus()

    def close(self) -> bool:
        """Closes the list; whether it was open."""
        was_open = self.popup.isVisible()
        self.popup.hide()
        return was_open

    def accept(self) -> None:
        """Takes the model that is marked in the list."""
        row = self.ui.modelList.currentRow
        marked = 0 <= row < len(self._cards) and not self.ui.modelList.item(row).isHidden()
        self.close()
        if marked:
            self._on_choose(self._cards[row].name)

    def on_key(self, key: int) -> bool:
        """Moves through the list while the search has the focus; whether the key was meant for that."""
        moves = {qt.Qt.Key_Down: 1, qt.Qt.Key_Up: -1, qt.Qt.Key_PageDown: _PAGE, qt.Qt.Key_PageUp: -_PAGE}
        if key in moves:
            self._move(moves[key])
        elif key in (qt.Qt.Key_Return, qt.Qt.Key_Enter):
            self.accept()
        elif key == qt.Qt.Key_Escape:
            self.close()
        else:
            return False
        return True

    def _shown_rows(self) -> list[int]:
        return [row for row in range(len(self._cards)) if not self.ui.modelList.item(row).isHidden()]

    def _move(self, by: int) -> None:
        rows = self._shown_rows()
        if not rows:
            return
        current = self.ui.modelList.currentRow
        place = rows.index(current) + by if current in rows else 0
        self.ui.modelList.setCurrentRow(rows[max(0, min(place, len(rows) - 1))])

    def _filter(self) -> None:
        view, text = self.ui.modelList, self.ui.modelSearchBox.text
        for row, card in enumerate(self._cards):
            view.item(row).setHidden(not catalog.matches(card, text))
        rows = self._shown_rows()
        if text and rows and view.currentRow not in rows:
            view.setCurrentRow(rows[0])
        height = max((view.sizeHintForRow(row) for row in rows), default=20)
        shown = min(max(len(rows), 1), _VISIBLE_ROWS)
        view.setFixedHeight(shown * (max(height, 20) + 2 * view.spacing) + 2 * view.frameWidth + 2)
        set_text(self.ui.modelListHintLabel, "" if rows else _("No model at hand fits. The library may have one."))

    def _on_library_button(self) -> None:
        text = self.ui.modelSearchBox.text
        self.close()
        self._on_library(text)


class ModelBox(qt.QComboBox):
    """Looks like a list of one line; what it opens is up to ``on_open``, which gets the letter that was typed."""

    def __init__(self, on_open: Callable[[str], None]) -> None:
        super().__init__()
        self._on_open = on_open
        self._text = ""
        self._ruler = Ruler(self)
        self.objectName = "modelBox"
        self.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.setFocusPolicy(qt.Qt.StrongFocus)

    def show_text(self, text: str) -> None:
        """Shows the one line, cut where it is too long."""
        self._text = text
        self._fit()

    def resizeEvent(self, event) -> None:  # noqa: N802
        """More or less of it fits."""
        self._fit()

    def _fit(self) -> None:
        shown = self._ruler.elided(self._text, self.width - _FRAME_WIDTH)
        if shown != self.currentText:
            self.clear()
            self.addItem(shown)

    def mousePressEvent(self, event) -> None:  # noqa: N802
        """A click anywhere opens."""
        if event.button() == qt.Qt.LeftButton:
            self._on_open("")

    def keyPressEvent(self, event) -> None:  # noqa: N802
        """Space and arrows open, letters open and search; everything else is for the panel."""
        key, text = event.key(), event.text()
        if key in (qt.Qt.Key_Space, qt.Qt.Key_Down, qt.Qt.Key_Up, qt.Qt.Key_F4, qt.Qt.Key_Return, qt.Qt.Key_Enter):
            if not event.modifiers() & qt.Qt.ControlModifier:
                self._on_open("")
                return
        elif text.isalnum():
            self._on_open(text)
            return
        event.ignore()

    def wheelEvent(self, event) -> None:  # noqa: N802
        """Scrolls the panel."""
        event.ignore()


class ListPopup(qt.QFrame):
    """A window below a widget, closed by a click elsewhere.

    Args:
        owner: the widget.
        content: what it holds.
        on_key: gets the keys that the content does not want; returns whether they were meant for it.
    """

    def __init__(self, owner, content, on_key: Callable[[int], bool]) -> None:
        super().__init__(owner)
        self._on_key = on_key
        self.objectName = "modelPopup"
        self.setWindowFlags(qt.Qt.Popup)
        # Else the click on the owner that closes it would open it again.
        self.setAttribute(qt.Qt.WA_NoMouseReplay)
        self.setFrameShape(qt.QFrame.StyledPanel)
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)

    def open_below(self, owner, least_width: int) -> None:
        """Shows it under ``owner``, moved as far as it needs to stay on the screen."""
        self.setFixedWidth(max(owner.width, least_width))
        self.adjustSize()
        corner = owner.mapToGlobal(qt.QPoint(0, owner.height))
        screen = owner.screen().availableGeometry
        left = min(corner.x(), screen.right() - self.width)
        top = min(corner.y(), screen.bottom() - self.height)
        self.move(max(left, screen.left()), max(top, screen.top()))
        self.show()

    def keyPressEvent(self, event) -> None:  # noqa: N802
        """See ``on_key``."""
        if not self._on_key(event.key()):
            event.ignore()
