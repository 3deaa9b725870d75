"""QSettings in a folder of their own: tests never meet, nor change, the settings of a user's Slicer."""

from __future__ import annotations

import tempfile

from PySide6 import QtCore

_folder: tempfile.TemporaryDirectory | None = None


def use_private_folder() -> None:
    global _folder
    _folder = tempfile.TemporaryDirectory(prefix="slicer-harness-settings-")
    ini = QtCore.QSettings.Format.IniFormat
    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(ini, scope, _folder.name)


def clear() -> None:
    QtCore.QSettings().clear()
