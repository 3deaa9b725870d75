"""``slicer.app``: the part of the application that a module panel meets."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets

from . import dump
from .layout import LayoutManager
from .iomanager import IOManager
from .strict import qt_class, to_python
from .strictobject import StrictObject, stored

VERSION = "5.13.0-2026-08-21"


class ModuleManager(StrictObject, table=dump.names_table("moduleManager")):
    """Knows the loaded modules by name."""

    def __init__(self, modules):
        super().__init__()
        self._modules = modules

    def module(self, name: str):
        return self._modules.find(name)

    def modulesNames(self) -> tuple[str, ...]:  # noqa: N802
        return self._modules.names()

    def factoryManager(self):  # noqa: N802
        return FactoryManager(self._modules)


class FactoryManager(StrictObject, table=dump.class_table("qSlicerModuleFactoryManager")):
    """Answers whether a module is loaded."""

    def __init__(self, modules):
        super().__init__()
        self._modules = modules

    def loadedModuleNames(self) -> tuple[str, ...]:  # noqa: N802
        return self._modules.names()


class Application(StrictObject, table=dump.application_table()):
    """Stands for qSlicerApplication in testing mode: no main window, popups answered by slicer.util itself."""

    applicationName = property(lambda self: "Slicer")  # noqa: N815
    applicationVersion = property(lambda self: VERSION)  # noqa: N815
    mainApplicationName = property(lambda self: "Slicer")  # noqa: N815
    mainApplicationDisplayName = property(lambda self: "3D Slicer")  # noqa: N815
    majorVersion = property(lambda self: 5)  # noqa: N815
    minorVersion = property(lambda self: 13)  # noqa: N815
    mainApplicationMajorVersion = property(lambda self: 5)  # noqa: N815
    mainApplicationMinorVersion = property(lambda self: 13)  # noqa: N815
    revision = property(lambda self: "34000")
    repositoryRevision = property(lambda self: "34000")  # noqa: N815
    os = property(lambda self: "linux")
    arch = property(lambda self: "amd64")
    platform = property(lambda self: "linux-amd64")
    releaseType = property(lambda self: "Preview")  # noqa: N815
    isInstalled = property(lambda self: True)  # noqa: N815
    documentationBaseUrl = property(lambda self: "https://slicer.readthedocs.io/en/latest/")  # noqa: N815
    slicerHome = property(lambda self: str(self._home))  # noqa: N815
    temporaryPath = property(lambda self: str(self._home / "tmp"))  # noqa: N815
    cachePath = property(lambda self: str(self._home / "cache"))  # noqa: N815
    extensionsInstallPath = property(lambda self: str(self._home / "extensions"))  # noqa: N815
    slicerUserSettingsFilePath = property(lambda self: self.userSettings().fileName())  # noqa: N815
    styleSheet = property(  # noqa: N815
        lambda self: QtWidgets.QApplication.instance().styleSheet(),
        lambda self, text: QtWidgets.QApplication.instance().setStyleSheet(text),
    )
    applicationLocaleName = stored("applicationLocaleName", "en_US")  # noqa: N815

    def __init__(self, scene, logic, modules):
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-harness-")
        self._home = Path(self._folder.name)
        for name in ("tmp", "cache", "extensions"):
            (self._home / name).mkdir()
        self._scene = scene
        self._logic = logic
        self._manager = ModuleManager(modules)
        self._layout = LayoutManager(scene, logic)
        self._io = IOManager(scene, logic)

    def applicationLogic(self):  # noqa: N802
        return self._logic

    def mrmlScene(self):  # noqa: N802
        return self._scene

    def layoutManager(self):  # noqa: N802
        return self._layout

    def moduleManager(self):  # noqa: N802
        return self._manager

    def moduleLogic(self, name: str):  # noqa: N802
        return self._manager.module(name).logic()

    def coreIOManager(self):  # noqa: N802
        return self._io

    def ioManager(self):  # noqa: N802
        return self._io

    def processEvents(self, *_) -> None:  # noqa: N802
        QtWidgets.QApplication.processEvents()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)

    def testingEnabled(self) -> bool:  # noqa: N802
        return True

    def settings(self):
        return qt_class("QSettings")()

    userSettings = settings  # noqa: N815
    revisionUserSettings = settings  # noqa: N815

    def clipboard(self):
        return to_python(QtWidgets.QApplication.clipboard())

    def palette(self):
        return to_python(QtWidgets.QApplication.palette())

    def font(self):
        return to_python(QtWidgets.QApplication.font())

    def style(self):
        return to_python(QtWidgets.QApplication.style())

    def topLevelWidgets(self):  # noqa: N802
        return to_python(QtWidgets.QApplication.topLevelWidgets())

    def focusWidget(self):  # noqa: N802
        return to_python(QtWidgets.QApplication.focusWidget())

    def setOverrideCursor(self, cursor) -> None:  # noqa: N802
        QtWidgets.QApplication.setOverrideCursor(QtGui.QCursor(cursor))

    def restoreOverrideCursor(self) -> None:  # noqa: N802
        QtWidgets.QApplication.restoreOverrideCursor()

    def pauseRender(self) -> None:  # noqa: N802
        """Nothing renders."""

    def resumeRender(self) -> None:  # noqa: N802
        """Nothing renders."""

    def keyboardModifiers(self):  # noqa: N802
        return QtWidgets.QApplication.keyboardModifiers()

    def moduleDocumentationUrl(self, name: str) -> str:  # noqa: N802
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def startupEnvironment(self):  # noqa: N802
        return to_python(QtCore.QProcessEnvironment.systemEnvironment())

    environment = startupEnvironment

    def translate(self, context: str, text: str, *_) -> str:
        return text
