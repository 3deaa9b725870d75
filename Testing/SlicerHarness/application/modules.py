"""``slicer.modules``: the C++ modules by their logics, and the scripted modules that were loaded."""

from __future__ import annotations

from ..strictness import dump
from ..strictness.overrides import HarnessGapError
from ..strictness.strictobject import StrictObject


class CoreModule(StrictObject, table=dump.class_table("qSlicerLoadableModule")):
    """A C++ module without its panel."""

    def __init__(self, name: str, logic):
        super().__init__()
        self._name = name
        self._logic = logic

    @property
    def name(self) -> str:
        return self._name

    @property
    def title(self) -> str:
        return self._name

    def logic(self):
        return self._logic


class Modules:
    """Attributes as in ``slicer.modules``; a module that this harness lacks says so."""

    def __init__(self) -> None:
        self.__dict__["_loaded"] = {}

    def add(self, name: str, module) -> None:
        self._loaded[name] = module
        self.__dict__[name.lower()] = module

    def remove(self, name: str) -> None:
        self._loaded.pop(name, None)
        for attribute in (name.lower(), f"{name}Instance", f"{name}Widget"):
            self.__dict__.pop(attribute, None)

    def find(self, name: str):
        return self._loaded.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self._loaded)

    def __getattr__(self, name: str):
        if name in dump.read("application")["modules"]:
            raise HarnessGapError(f"slicer.modules.{name} exists in Slicer but not in this harness")
        raise AttributeError(f"slicer.modules has no '{name}'")
