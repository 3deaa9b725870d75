"""How wide the panel is, and how texts of any length find room in it: nothing that a user names may widen it."""

import html
from collections.abc import Callable, Sequence

import qt

MINIMUM_WIDTH = 369
"""Pixels between the panel's margins. Slicer makes its module panel as wide as the module's minimum; this is what the
embedded Segment Editor needs, so that the views stay where they are when the section Correct is opened."""

# A wider label would leave too little for what it names.
_WIDEST_LABEL = 110
_DOTS = "\N{HORIZONTAL ELLIPSIS}"
_BREAK = "\N{ZERO WIDTH SPACE}"
_LONGEST_RUN = 12


class Ruler:
    """Measures texts in the font of a widget, by the size that a label would have.

    Args:
        parent: the widget; it owns the label, which nobody sees.
    """

    def __init__(self, parent) -> None:
        self._label = qt.QLabel(parent)
        self._label.setTextFormat(qt.Qt.PlainText)
        self._label.hide()

    def advance(self, text: str) -> int:
        """How many pixels ``text`` takes on one line."""
        self._label.text = text
        return self._label.sizeHint.width()

    def elided(self, text: str, width: int) -> str:
        """``text``, or as much of its beginning as fits into ``width`` pixels with dots after it."""
        if self.advance(text) <= width:
            return text
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.advance(f"{text[:middle]}{_DOTS}") <= width:
                fits = middle
            else:
                too_long = middle
        return text[:fits].rstrip(" .,") + _DOTS


class FittedLabel(qt.QLabel):
    """One line whose text is made for the width that there is, anew at every change of it.

    Args:
        name: the object's name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.objectName = name
        self._make: Callable[[int, Ruler], str] | None = None
        self._ruler = Ruler(self)
        self.setTextFormat(qt.Qt.RichText)
        self.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self.setTextInteractionFlags(qt.Qt.LinksAccessibleByMouse | qt.Qt.LinksAccessibleByKeyboard)

    def show_fitted(self, make: Callable[[int, Ruler], str]) -> None:
        """Shows the rich text that ``make`` returns for a width in pixels, now and after every resizing."""
        self._make = make
        self._fit()

    def resizeEvent(self, event) -> None:  # noqa: N802
        """More or less of it fits."""
        self._fit()

    def _fit(self) -> None:
        if self._make is None:
            return
        text = self._make(self.width, self._ruler)
        if text != self.text:
            self.text = text
            # Tab stops at it for its links only.
            self.setFocusPolicy(qt.Qt.StrongFocus if "<a " in text else qt.Qt.NoFocus)


def fitting(sizes: Sequence[int], width: int) -> int:
    """How many of ``sizes``, from the first on, are ``width`` at most together."""
    used = 0
    for count, size in enumerate(sizes):
        used += size
        if used > width:
            return count
    return len(sizes)


def breakable(text: str) -> str:
    """``text`` with places where a line may end that nobody sees: after punctuation, and within very long words."""
    made, run = [], 0
    for letter in text:
        made.append(letter)
        run = 0 if letter.isspace() else run + 1
        if letter in "_-./\\" or run >= _LONGEST_RUN:
            made.append(_BREAK)
            run = 0
    return "".join(made)


def label_text(label, text: str, ruler: Ruler, mnemonic: str = "") -> None:
    """Names a field: cut to the widest label, whole in the tool tip. An ampersand in ``text`` is one; that of a
    ``mnemonic`` comes before it."""
    shown = ruler.elided(text, _WIDEST_LABEL)
    label.text = mnemonic + shown.replace("&", "&&")
    label.toolTip = html.escape(text) if shown != text else ""


def align(labels: Sequence) -> None:
    """Gives labels that stand below each other one width, so that their fields begin on one line."""
    width = max(label.sizeHint.width() for label in labels)
    for label in labels:
        label.setFixedWidth(width)


def bring_into_view(widget) -> None:
    """Scrolls the panel so that ``widget`` is seen, once its layout has settled."""
    qt.QTimer.singleShot(0, lambda: _scroll_to(widget))


def _scroll_to(widget) -> None:
    if not widget or not widget.isVisible():
        return
    area = widget.parentWidget()
    while area is not None and not area.inherits("QScrollArea"):
        area = area.parentWidget()
    if area is not None:
        area.ensureWidgetVisible(widget, 0, 8)
