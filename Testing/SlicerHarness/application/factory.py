"""Loads a scripted module the way Slicer's module factory does, and makes its panel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from PySide6 import QtWidgets

from ..strictness import dump
from ..strictness.strict import qt_class, raw
from ..strictness.strictobject import StrictObject, stored
from ..widgets.mrmlwidgets import qMRMLWidget


class qSlicerScriptedLoadableModule(StrictObject, table=dump.class_table("qSlicerScriptedLoadableModule")):
    """The C++ side of a scripted module: the ``parent`` that the module class fills in."""

    title = stored("title", "")
    categories = stored("categories", [])
    contributors = stored("contributors", [])
    dependencies = stored("dependencies", [])
    helpText = stored("helpText", "")
    acknowledgementText = stored("acknowledgementText", "")
    associatedNodeTypes = stored("associatedNodeTypes", [])
    icon = stored("icon")
    hidden = stored("hidden", False)
    index = stored("index", -1)
    widgetRepresentationCreationEnabled = stored("widgetRepresentationCreationEnabled", True)

    def __init__(self, path: Path, python_module):
        super().__init__()
        self._path = path
        self._python = python_module
        self._widget = None

    @property
    def path(self) -> str:
        return str(self._path)

    @property
    def name(self) -> str:
        return self._path.stem

    def widgetRepresentation(self):
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self):
        import slicer

        widget = qSlicerScriptedLoadableModuleWidget()
        raw(widget).setLayout(qt_class("QVBoxLayout")())
        widget._module = self
        widget._python = getattr(self._python, f"{self.name}Widget")(widget)
        setattr(slicer.modules, f"{self.name}Widget", widget._python)
        widget._python.setup()
        widget.setMRMLScene(slicer.mrmlScene)
        return widget


class qSlicerScriptedLoadableModuleWidget(
    qMRMLWidget, kind="standin", table=dump.class_table("qSlicerScriptedLoadableModuleWidget")
):
    """The C++ side of a module panel: passes Slicer's calls on to the Python widget."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._python = None
        self._module = None
        self._entered = False

    def self(self):
        return self._python

    def module(self):
        return self._module

    @property
    def moduleName(self) -> str:
        return self._module.name

    @property
    def isEntered(self) -> bool:
        return self._entered

    def enter(self) -> None:
        self._entered = True
        if hasattr(self._python, "enter"):
            self._python.enter()

    def exit(self) -> None:
        self._entered = False
        if hasattr(self._python, "exit"):
            self._python.exit()


def load(path: Path):
    """Import a module's script, instantiate its module class, and return Slicer's module object."""
    import slicer

    name = path.stem
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    python = _import(name, path)
    module = qSlicerScriptedLoadableModule(path, python)
    instance = getattr(python, name)(module)
    slicer.modules.add(name, module)
    setattr(slicer.modules, f"{name}Instance", instance)
    if hasattr(instance, "setup"):
        instance.setup()
    return module


def unload(module) -> None:
    """Unload a module: its widget cleans up, its panel goes, Slicer forgets it."""
    import slicer

    slicer.app.moduleManager().moduleAboutToBeUnloaded.emit(module.name)
    widget = module._widget
    module._widget = None
    slicer.modules.remove(module.name)
    if widget is not None:
        raw(widget).deleteLater()
        QtWidgets.QApplication.processEvents()


def _import(name: str, path: Path):
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    python = importlib.util.module_from_spec(spec)
    sys.modules[name] = python
    try:
        spec.loader.exec_module(python)
    except BaseException:
        del sys.modules[name]
        raise
    return python
