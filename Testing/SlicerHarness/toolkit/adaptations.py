"""Where PythonQt and Qt 5 differ from PySide6 and Qt 6 in names that both have. Importing this applies it."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from ..strictness import dump
from ..strictness.overrides import overrides
from ..strictness.strict import COMMON_METHODS, Access, StrictMeta, qt_class, to_python
from . import dialogs

LAYOUTS = ("QVBoxLayout", "QHBoxLayout", "QGridLayout", "QFormLayout", "QStackedLayout")


@overrides.method("QProcess", "write")
def _write(self, data) -> int:
    return QtCore.QProcess.write(self, data.encode() if isinstance(data, str) else data)


@overrides.static("QDesktopServices", "openUrl")
def _open_url(url) -> bool:
    dialogs.urls.append(QtCore.QUrl.toString(url))
    return True


def _plain(kind):
    return next(k for k in kind.__mro__ if not isinstance(k, StrictMeta))


def find_children(self, kind, name: str = ""):
    """PythonQt's findChildren: by class (or its name) and name; the classes of Qt, not only those of Python, match."""
    every = QtCore.QObject.findChildren(self, QtCore.QObject)
    if isinstance(kind, str):
        named = [c for c in every if any(base.__name__ == kind for base in type(c).__mro__)]
        return [c for c in named if not name or QtCore.QObject.objectName(c) == name]
    wanted = _plain(kind) if getattr(kind, "_strict_kind", "auto") == "auto" else kind
    return [c for c in every if wanted in type(c).__mro__ and (not name or QtCore.QObject.objectName(c) == name)]


def find_child(self, kind, name: str = ""):
    """PythonQt's findChild."""
    return next(iter(find_children(self, kind, name)), None)


def _file_dialog(title: str):
    def ask(parent=None, caption: str = "", directory: str = "", *_filters) -> str:
        return dialogs.answer(f"{title}: {caption}")

    return ask


def _message(parent, title: str, text: str, *_buttons):
    return dialogs.answer(f"{title}: {text}")


def _margin(self) -> int:
    return QtWidgets.QLayout.contentsMargins(self).left()


def _set_margin(self, margin: int) -> None:
    QtWidgets.QLayout.setContentsMargins(self, margin, margin, margin, margin)


class QIcon(qt_class("QIcon"), kind="standin", table=dump.class_table("QIcon")):
    """In Qt 5 an icon of a missing file is not null."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._from_file = bool(arguments) and isinstance(arguments[0], str)

    def isNull(self) -> bool:
        return not self._from_file and QtGui.QIcon.isNull(self)


def _apply() -> None:
    for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory", "getOpenFileNames"):
        overrides.static("QFileDialog", name)(_file_dialog(name))
    for name in ("question", "warning", "information", "critical", "about"):
        overrides.static("QMessageBox", name)(_message)
    for name in ("QDialog", "QFileDialog", "QInputDialog", "QMenu", "QProgressDialog", "QWizard"):
        overrides.method(name, "exec")(lambda self, *_: dialogs.answer(f"{type(self).__name__}.exec"))
    overrides.method("QMessageBox", "exec")(lambda self: dialogs.answer(QtWidgets.QMessageBox.text(self)))
    for name in LAYOUTS:
        overrides.property(name, "margin", _margin, _set_margin)
        overrides.method(name, "setMargin")(_set_margin)

    COMMON_METHODS["findChildren"] = Access(lambda self: lambda *a: to_python(find_children(self, *a)), None)
    COMMON_METHODS["findChild"] = Access(lambda self: lambda *a: to_python(find_child(self, *a)), None)


_apply()
