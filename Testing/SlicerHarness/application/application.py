"""``slicer.app``: the part of the application that a module panel meets."""

from __future__ import annotations

from pathlib import Path

from PySide6 import QtCore, QtGui, QtWidgets

from ..strictness import dump
from ..strictness.strict import qt_class, to_python
from ..strictness.strictobject import PlainSignal, StrictObject, stored
from ..viewing.layout import LayoutManager
from .iomanager import IOManager

VERSION = "5.13.0-2026-08-21"


class ModuleManager(StrictObject, table=dump.names_table("moduleManager")):
    """Knows the loaded modules by name."""

    def __init__(self, modules):
        super().__init__()
        self._modules = modules
        # The listing has only its name; it is emitted whether anybody has connected to it or not.
        self._signals["moduleAboutToBeUnloaded"] = PlainSignal()

    def module(self, name: str):
        return self._modules.find(name)

    def modulesNames(self) -> tuple[str, ...]:
        return self._modules.names()

    def factoryManager(self):
        return FactoryManager(self._modules)


class FactoryManager(StrictObject, table=dump.class_table("qSlicerModuleFactoryManager")):
    """Answers whether a module is loaded."""

    def __init__(self, modules):
        super().__init__()
        self._modules = modules

    def loadedModuleNames(self) -> tuple[str, ...]:
        return self._modules.names()


class Application(StrictObject, table=dump.application_table()):
    """Stands for qSlicerApplication in testing mode: no main window, popups answered by slicer.util itself."""

    applicationName = property(lambda self: "Slicer")
    applicationVersion = property(lambda self: VERSION)
    mainApplicationName = property(lambda self: "Slicer")
    mainApplicationDisplayName = property(lambda self: "3D Slicer")
    majorVersion = property(lambda self: 5)
    minorVersion = property(lambda self: 13)
    mainApplicationMajorVersion = property(lambda self: 5)
    mainApplicationMinorVersion = property(lambda self: 13)
    revision = property(lambda self: "34000")
    repositoryRevision = property(lambda self: "34000")
    os = property(lambda self: "linux")
    arch = property(lambda self: "amd64")
    platform = property(lambda self: "linux-amd64")
    releaseType = property(lambda self: "Preview")
    isInstalled = property(lambda self: True)
    documentationBaseUrl = property(lambda self: "https://slicer.readthedocs.io/en/latest/")
    slicerHome = property(lambda self: str(self._home))
    temporaryPath = property(lambda self: str(self._home / "tmp"))
    cachePath = property(lambda self: str(self._home / "cache"))
    extensionsInstallPath = property(lambda self: str(self._home / "extensions"))
    slicerUserSettingsFilePath = property(lambda self: self.userSettings().fileName())
    styleSheet = property(
        lambda self: QtWidgets.QApplication.instance().styleSheet(),
        lambda self, text: QtWidgets.QApplication.instance().setStyleSheet(text),
    )
    applicationLocaleName = stored("applicationLocaleName", "en_US")

    def __init__(self, scene, logic, modules, home: Path):
        super().__init__()
        self._home = home
        for name in ("tmp", "cache", "extensions"):
            (self._home / name).mkdir()
        self._scene = scene
        self._logic = logic
        self._manager = ModuleManager(modules)
        self._layout = LayoutManager(scene, logic)
        self._io = IOManager(scene, logic)

    def applicationLogic(self):
        return self._logic

    def mrmlScene(self):
        return self._scene

    def layoutManager(self):
        return self._layout

    def moduleManager(self):
        return self._manager

    def moduleLogic(self, name: str):
        return self._manager.module(name).logic()

    def coreIOManager(self):
        return self._io

    def ioManager(self):
        return self._io

    def processEvents(self, *_) -> None:
        # What was asked to be deleted later stays: only the outermost event loop does that, and no test returns to it.
        QtWidgets.QApplication.processEvents()

    def sendPostedEvents(self, receiver=None, event_type: int = 0) -> None:
        QtCore.QCoreApplication.sendPostedEvents(receiver, event_type)

    def testingEnabled(self) -> bool:
        return True

    def settings(self):
        return qt_class("QSettings")()

    userSettings = settings
    revisionUserSettings = settings

    def clipboard(self):
        return to_python(QtWidgets.QApplication.clipboard())

    def palette(self):
        return to_python(QtWidgets.QApplication.palette())

    def font(self):
        return to_python(QtWidgets.QApplication.font())

    def style(self):
        return to_python(QtWidgets.QApplication.style())

    def topLevelWidgets(self):
        return to_python(QtWidgets.QApplication.topLevelWidgets())

    def focusWidget(self):
        return to_python(QtWidgets.QApplication.focusWidget())

    def setOverrideCursor(self, cursor) -> None:
        QtWidgets.QApplication.setOverrideCursor(QtGui.QCursor(cursor))

    def restoreOverrideCursor(self) -> None:
        QtWidgets.QApplication.restoreOverrideCursor()

    def pauseRender(self) -> None:
        """Nothing renders."""

    def resumeRender(self) -> None:
        """Nothing renders."""

    def keyboardModifiers(self):
        return QtWidgets.QApplication.keyboardModifiers()

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"{self.documentationBaseUrl}user_guide/modules/{name.lower()}.html"

    def startupEnvironment(self):
        return to_python(QtCore.QProcessEnvironment.systemEnvironment())

    environment = startupEnvironment

    def translate(self, context: str, text: str, *_) -> str:
        return text
