"""Plain MRML widgets over the real scene."""

from __future__ import annotations

from PySide6 import QtCore

from ..strictness import dump
from ..strictness.strict import qt_class


class qMRMLWidget(qt_class("QWidget"), kind="standin", table=dump.class_table("qMRMLWidget")):
    """A widget that knows the scene and passes it on."""

    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)
