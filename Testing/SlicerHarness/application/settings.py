"""QSettings in a folder of their own: tests never meet, nor change, the settings of a user's Slicer."""

from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore


def use_folder(folder: Path) -> None:
    """Keep every QSettings under ``folder``."""
    ini = QtCore.QSettings.Format.IniFormat
    QtCore.QSettings.setDefaultFormat(ini)
    for scope in (QtCore.QSettings.Scope.UserScope, QtCore.QSettings.Scope.SystemScope):
        QtCore.QSettings.setPath(ini, scope, str(folder))
