"""What all sections of the panel have in common."""

import html
import itertools

import qt
import slicer


class Section:
    """One part of the panel: loads its ``.ui`` file, shows the parameters, writes what the user changes back.

    Args:
        panel: the panel that it belongs to (``panel.parameters``, ``panel.card``, ``panel.runner``).

    Subclasses name their ``ui_file``, connect signals in ``__init__`` and override what they need of :meth:`refresh`
    and :meth:`on_run`. Both may be called at any time and as often as one likes.
    """

    ui_file = ""

    def __init__(self, panel) -> None:
        self.panel = panel
        self.root = slicer.util.loadUI(panel.resource_path(f"UI/{self.ui_file}"))
        self.ui = slicer.util.childWidgetVariables(self.root)
        if self.root.inherits("ctkCollapsibleButton"):
            self.root.connect("contentsCollapsed(bool)", self._on_folded)

    def refresh(self) -> None:
        """Shows the state of the parameter node."""

    def on_run(self, run) -> None:
        """A run changed; None when the worker or its log did."""

    def enter(self) -> None:
        """The module is shown."""

    def exit(self) -> None:
        """Another module is shown."""

    def close(self) -> None:
        """The panel goes."""

    def scene_closing(self) -> None:
        """The scene is about to be emptied."""

    def _on_folded(self, folded: bool) -> None:
        # Unfolding shows every widget that was there at the folding, also those that were hidden since.
        if not folded:
            self.refresh()


def set_buddies(ui, **fields: str) -> None:
    """Lets the mnemonic of a label (``name="other"``) move the keyboard focus to another widget of ``ui``."""
    for label, field in fields.items():
        getattr(ui, label).setBuddy(getattr(ui, field))


def discard(widget) -> None:
    """Lets a widget go that may be in the midst of its own signal.

    It lives on until the application's outermost event loop comes round, which a script may keep from happening for
    long: until then it must neither act nor be found.
    """
    widget.hide()
    widget.blockSignals(True)
    widget.objectName = ""
    widget.deleteLater()


def set_tab_order(*widgets) -> None:
    """Lets the Tab key go through ``widgets`` one after the other."""
    for before, after in itertools.pairwise(widgets):
        qt.QWidget.setTabOrder(before, after)


def select_data(combo_box, value) -> None:
    """Selects the item of a QComboBox that carries ``value``, without telling anyone."""
    blocked = combo_box.blockSignals(True)
    combo_box.setCurrentIndex(combo_box.findData(value))
    combo_box.blockSignals(blocked)


def with_name(node, hint: str) -> str:
    """The tool tip of a selector: it may be too narrow for the node's name, so that stands there whole."""
    hint = html.escape(hint, quote=False)
    return f"<b>{html.escape(node.GetName() or '', quote=False)}</b><br>{hint}" if node is not None else hint
