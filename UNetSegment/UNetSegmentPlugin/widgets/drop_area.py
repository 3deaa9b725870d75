"""A widget that takes files and folders dropped onto it."""

from collections.abc import Callable

import qt


class DropArea(qt.QWidget):
    """Holds another widget and takes what is dropped onto it.

    Args:
        content: the widget.
        on_drop: gets the path of the one file or folder.
    """

    def __init__(self, content, on_drop: Callable[[str], None]) -> None:
        super().__init__()
        self._on_drop = on_drop
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event) -> None:  # noqa: N802
        """Takes one file or folder; anything else is left to Slicer."""
        if _path_of(event):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event) -> None:  # noqa: N802
        """Hands the path over once the drop is done: a question must not hold up the program it came from."""
        path = _path_of(event)
        if path:
            event.acceptProposedAction()
            qt.QTimer.singleShot(0, lambda: self._on_drop(path))


def _path_of(event) -> str:
    urls = event.mimeData().urls()
    return urls[0].toLocalFile() if len(urls) == 1 else ""
