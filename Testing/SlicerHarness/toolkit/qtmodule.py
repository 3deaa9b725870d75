"""The modules ``qt`` and ``ctk``: a name that Slicer's do not have raises, one that we lack says so."""

from __future__ import annotations

import types

from PySide6 import QtCore

from ..strictness import dump
from ..strictness.overrides import HarnessGapError
from ..strictness.strict import qt_class


class _Gap(type):
    """A class of Slicer's that is not stood in for: it may be named and compared, not used."""

    def __call__(cls, *_arguments):
        raise HarnessGapError(f"{cls.__qualname__} exists in Slicer but not in this harness")

    def __getattr__(cls, name: str):
        raise HarnessGapError(f"{cls.__qualname__} exists in Slicer but not in this harness")


def gap(name: str) -> type:
    """Return what stands for a class, ``ctk.ctkRangeWidget`` say, that the harness lacks."""
    return _Gap(name.rsplit(".", 1)[-1], (), {"__qualname__": name})


class QtNamespace:
    """``qt.Qt``: the enumerations, strictly."""

    def __getattr__(self, name: str):
        table = dump.class_table("Qt")
        if table.kind(name) is None:
            raise AttributeError(f"qt.Qt has no '{name}' in Slicer (shared/slicer_api)")
        try:
            return getattr(QtCore.Qt, name)
        except AttributeError:
            raise HarnessGapError(f"qt.Qt.{name} exists in Slicer (Qt 5) but not in this harness") from None


class QtModule(types.ModuleType):
    """``import qt`` as inside Slicer."""

    def __init__(self, extra: dict[str, object]):
        super().__init__("qt", "PythonQt's module, stood in for by PySide6")
        self.__path__: list[str] = []
        self.__dict__.update({"Qt": QtNamespace(), "Signal": QtCore.Signal, "qVersion": lambda: "5.15.2"}, **extra)

    def __getattr__(self, name: str):
        if name.startswith("__") or name not in dump.qt_names():
            raise AttributeError(f"qt has no '{name}' in Slicer (shared/slicer_api)")
        value = qt_class(name)
        if value is None:
            raise HarnessGapError(f"qt.{name} exists in Slicer but not in this harness")
        self.__dict__[name] = value
        return value


class StandInModule(types.ModuleType):
    """A module made of stand-in classes, ``ctk`` for one."""

    def __init__(self, name: str, listed: frozenset[str], classes: dict[str, object]):
        super().__init__(name, f"Stand-in for Slicer's module '{name}'")
        self.__path__: list[str] = []
        self.__dict__.update({key: value for key, value in classes.items() if key in listed})
        self._listed = listed

    def __getattr__(self, name: str):
        if not name.startswith("__") and name in self._listed:
            self.__dict__[name] = gap(f"{self.__name__}.{name}")
            return self.__dict__[name]
        raise AttributeError(f"{self.__name__} has no '{name}' in Slicer (shared/slicer_api)")
