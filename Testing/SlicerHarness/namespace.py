"""Boots the harness: installs ``slicer``, ``qt`` and ``ctk`` and returns what belongs to the running application.

``slicer.util`` is Slicer's own source out of slicer-core; so are all MRML classes and logics.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path

import slicer_core

from . import parameternode
from .application import factory, logics, packaging, sampledata, scripted, slicersource
from .application.application import Application
from .application.modules import CoreModule, Modules
from .effects import scriptedeffects
from .strictness import dump
from .strictness.overrides import HarnessGapError
from .toolkit import adaptations, ctksliders, ctkwidgets
from .toolkit.qtmodule import QtModule, StandInModule, gap
from .toolkit.uiloader import UiLoader, find_class_among
from .widgets import markupswidgets, mrmlwidgets, nodecombobox, segmenteditor, segmentstable

STANDINS = (ctkwidgets, ctksliders, mrmlwidgets, nodecombobox, segmentstable, segmenteditor, markupswidgets, factory)

NOT_IMPORTED = ("packaging",)
"""Submodules of ``slicer`` that nothing in Slicer has imported before a module does."""


class OnImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes modules that Slicer does not import by itself: an attribute of ``slicer`` only once they are imported."""

    def __init__(self, makers: dict[str, Callable[[], types.ModuleType]]):
        self.makers = makers

    def find_spec(self, fullname, path=None, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname in self.makers else None

    def create_module(self, spec):
        return self.makers[spec.name]()

    def exec_module(self, module) -> None:
        """It is made whole."""


class SlicerModule(types.ModuleType):
    """``import slicer``, strictly: names come from the dump, MRML classes from slicer-core."""

    def __init__(self, given: dict[str, object]):
        super().__init__("slicer", "The Slicer application, stood in for by Testing/SlicerHarness")
        self.__path__: list[str] = []
        self.__dict__.update(given)

    def __getattr__(self, name: str):
        if name.startswith("__") or name in NOT_IMPORTED or name not in dump.slicer_names():
            raise AttributeError(f"slicer has no '{name}' in Slicer (shared/slicer_api)")
        value = getattr(slicer_core, name, None)
        if value is None and name.startswith("q"):
            value = self.__dict__[name] = gap(f"slicer.{name}")
        if value is None:
            raise HarnessGapError(f"slicer.{name} exists in Slicer but not in this harness")
        return value


def standins() -> dict[str, type]:
    """Return every stand-in widget class by name."""
    found: dict[str, type] = {}
    for module in STANDINS:
        found.update({n: v for n, v in vars(module).items() if getattr(v, "_strict_kind", "") == "standin"})
    found["qSlicerScriptedLoadableModule"] = factory.qSlicerScriptedLoadableModule
    return found


def install(home: Path, source: Path | None = None) -> types.ModuleType:
    """Put the stand-in modules into ``sys.modules`` and start the application in ``home``; return ``slicer``.

    ``source``: a folder of Slicer's own Python files to use in place of ours.
    """
    widgets = standins()
    loader = type("QUiLoader", (UiLoader,), {"find_class": staticmethod(find_class_among(widgets))})
    sys.modules["qt"] = QtModule({"QUiLoader": loader, "QIcon": adaptations.QIcon})
    sys.modules["ctk"] = StandInModule("ctk", frozenset(dump.read("ctk")), widgets)
    scene = slicer_core.vtkMRMLScene()
    sys.modules["SampleData"] = sampledata.make_module()
    modules = Modules()
    modules.sampleDataSources = {}
    given = {name: value for name, value in widgets.items() if name in dump.slicer_names()}
    sys.modules.update(scriptedeffects.modules())
    given.update({kind.__name__: kind for kind in scriptedeffects.CLASSES})
    slicer = SlicerModule({**given, "mrmlScene": scene, "modules": modules, "selfTests": {}})
    sys.modules["slicer"] = slicer
    sys.meta_path.append(OnImport({f"slicer.{name}": partial(_one_of, source, name) for name in NOT_IMPORTED}))
    for name in slicersource.MODULES:
        if name in NOT_IMPORTED:
            continue
        module = _one_of(source, name)
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    application_logic = slicer_core.vtkSlicerApplicationLogic()
    for name, logic in logics.boot(scene, application_logic, home).items():
        modules.add(name, CoreModule(name, logic))
    slicer.app = Application(scene, application_logic, modules, home)
    return slicer


def submodules() -> dict[str, types.ModuleType]:
    """Return the stand-ins for Slicer's Python files, by name in ``slicer``."""
    return {
        "util": _real_util(),
        "i18n": _i18n(),
        "packaging": packaging.make_module(),
        "parameterNodeWrapper": parameternode.make_module(),
        "ScriptedLoadableModule": scripted.make_module(),
    }


def _one_of(source: Path | None, name: str) -> types.ModuleType:
    return _sourced(source, name) if source is not None else submodules()[name]


def _sourced(source: Path, name: str) -> types.ModuleType:
    module = slicersource.load(source, name)
    if name == "packaging":
        for function in slicersource.RUNS_PIP:
            setattr(module, function, getattr(packaging, function))
    return module


def _real_util() -> types.ModuleType:
    """Load Slicer's own ``slicer.util`` from slicer-core, without that package's ``slicer/__init__``."""
    path = Path(slicer_core.__file__).parents[1] / "slicer" / "util.py"
    spec = importlib.util.spec_from_file_location("slicer.util", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _i18n() -> types.ModuleType:
    module = types.ModuleType("slicer.i18n", "No translation is loaded: every text comes back as it is.")
    module.tr = lambda text: text
    module.translate = lambda context, text: text
    return module
