"""What the effect shows below the editor's buttons: tools, include or exclude, what is going on, the prompts so far."""

import html
from collections.abc import Callable, Sequence

import qt
from slicer.i18n import tr as _

from ..problems import problem_html
from .prompts import BOX, LASSO, POINT, SCRIBBLE

KEYS = {POINT: "P", SCRIBBLE: "S", LASSO: "L", BOX: "X"}
INCLUDE_KEY, NEXT_KEY, OVERLAY_KEY = "T", "N", "U"
_LIST_HEIGHT = 84
# In Slicer's dark style a button that is down hardly differs from one that is not.
_DOWN = "\N{CHECK MARK} "


class Options(qt.QFrame):
    """The effect's widgets; nothing in it is wider than the panel.

    Args:
        on_tool: called with the tool that was chosen.
        on_include: called with True or False.
        on_take_back: called with the number of an edit, or None for all.
        on_next: called for the next doubtful place.
        on_overlay: called with True or False, for the model's uncertainty.
    """

    def __init__(
        self, on_tool: Callable, on_include: Callable, on_take_back: Callable, on_next: Callable, on_overlay: Callable
    ) -> None:
        super().__init__()
        self.objectName = "correctOptions"
        self._on_take_back = on_take_back
        self._numbers: list[int] = []
        self._tools = self._group(
            {
                POINT: (_("Point"), KEYS[POINT], _("Click on a place.")),
                SCRIBBLE: (_("Scribble"), KEYS[SCRIBBLE], _("Draw a short stroke.")),
                LASSO: (_("Lasso"), KEYS[LASSO], _("Draw around a part.")),
                BOX: (_("Box"), KEYS[BOX], _("Draw a box around a structure.")),
            },
            on_tool,
        )
        self._signs = self._group(
            {
                True: (_("Include"), INCLUDE_KEY, _("Here the segment is. Hold Ctrl for the other one.")),
                False: (_("Exclude"), INCLUDE_KEY, _("Here the segment is not. Hold Ctrl for the other one.")),
            },
            on_include,
        )
        self.status = qt.QLabel()
        self.status.objectName = "correctStatusLabel"
        self.status.setWordWrap(True)
        self.status.setTextFormat(qt.Qt.RichText)
        # A long name in it must not widen the panel.
        self.status.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Minimum)
        self._list = qt.QListWidget()
        self._list.objectName = "correctPromptList"
        self._list.setFixedHeight(_LIST_HEIGHT)
        self._list.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        self._list.toolTip = _("The prompts that made the segment what it is.")
        self._back = self._button(
            "correctTakeBackButton", _("Take back"), _("Takes the chosen prompt back, or the last.")
        )
        self._all = self._button("correctTakeBackAllButton", _("Take all back"), _("Takes all prompts back."))
        self._back.connect("clicked()", self._on_back)
        self._all.connect("clicked()", lambda *_arguments: on_take_back(None))
        self._next = self._button(
            "correctNextButton", "", _("Jumps to the next place of the segment that may be wrong.")
        )
        self._next.connect("clicked()", lambda *_arguments: on_next())
        self._overlay = self._button("correctOverlayButton", f"{_('Uncertainty')} ({OVERLAY_KEY})", "")
        self._overlay.setCheckable(True)
        self._overlay.connect("clicked(bool)", on_overlay)
        self.setLayout(self._arranged())
        self.show_doubts(None, False, False)
        self.show_state("", None, [])

    def show_tool(self, tool: str, include: bool) -> None:
        """Shows what is chosen."""
        for buttons, chosen in ((self._tools, tool), (self._signs, include)):
            buttons[chosen].setChecked(True)
            for value, button in buttons.items():
                button.text = (_DOWN if value == chosen else "") + button.text.removeprefix(_DOWN)

    def show_state(self, status: str, problem, entries: Sequence[tuple[int, str]]) -> None:
        """Shows what is going on and the prompts so far, (number, words) each."""
        self.status.text = problem_html(problem) if problem is not None else html.escape(status, quote=False)
        self.status.setVisible(bool(self.status.text))
        numbers = [number for number, _words in entries]
        if numbers != self._numbers:
            self._numbers = numbers
            self._list.clear()
            for place, (_number, words) in enumerate(entries, 1):
                self._list.addItem(f"{place}. {words}")
            self._list.scrollToBottom()
        self._list.setVisible(bool(entries))
        for button in (self._back, self._all):
            button.setVisible(bool(entries))

    def show_doubts(self, left: int | None, has_uncertainty: bool, shown: bool) -> None:
        """Shows how many doubtful places are left (None: nobody knows), and whether there is an uncertainty to show."""
        title = _("Next doubt") if left is None else _("Next doubt, {count} left").format(count=left)
        self._next.text = f"{title} ({NEXT_KEY})"
        self._overlay.enabled = has_uncertainty
        self._overlay.setChecked(shown)
        self._overlay.toolTip = (
            _("Shows where the model was unsure.")
            if has_uncertainty
            else _("There is none: tick Uncertainty in Advanced before you run a model.")
        )

    def _on_back(self, *_arguments) -> None:
        row = self._list.currentRow
        if self._numbers:
            self._on_take_back(self._numbers[row if 0 <= row < len(self._numbers) else -1])

    def _group(self, choices: dict, chosen: Callable) -> dict:
        """Buttons of which one is down; each says its key."""
        group = qt.QButtonGroup(self)
        made = {}
        for value, (title, key, tip) in choices.items():
            name = f"correct{value if isinstance(value, str) else title}Button"
            button = self._button(name, f"{title} ({key})", tip)
            button.setCheckable(True)
            group.addButton(button)
            button.connect("clicked()", lambda *_arguments, value=value: chosen(value))
            made[value] = button
        return made

    @staticmethod
    def _button(name: str, title: str, tip: str):
        button = qt.QPushButton(title)
        button.objectName = name
        button.toolTip = tip
        button.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        return button

    def _arranged(self):
        grid = qt.QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        for number, button in enumerate([*self._tools.values(), *self._signs.values()]):
            grid.addWidget(button, number // 2, number % 2)
        grid.addWidget(self._next, 3, 0)
        grid.addWidget(self._overlay, 3, 1)
        grid.addWidget(self.status, 4, 0, 1, 2)
        grid.addWidget(self._list, 5, 0, 1, 2)
        grid.addWidget(self._back, 6, 0)
        grid.addWidget(self._all, 6, 1)
        return grid
