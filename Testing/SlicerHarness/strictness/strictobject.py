"""Strict plain objects, for what is no widget: the application, the layout manager, modules, the IO manager."""

from __future__ import annotations

import sys
from collections.abc import Callable

from . import dump, signals
from .overrides import HarnessGapError


class PlainSignal:
    """A signal of a strict object: ``object.changed.connect(f)``."""

    def __init__(self) -> None:
        self._slots: list[Callable] = []

    def connect(self, slot: Callable) -> bool:
        self._slots.append(slot)
        return True

    def disconnect(self, slot: Callable) -> bool:
        found = slot in self._slots
        if found:
            self._slots.remove(slot)
        return found

    def emit(self, *arguments) -> None:
        for slot in list(self._slots):
            limit = signals.accepted_arguments(slot)
            try:
                slot(*arguments[:limit])
            except Exception:
                # As Qt does it: the traceback is printed, the other slots still run, the sender sees nothing.
                sys.excepthook(*sys.exc_info())


class StrictObject:
    """Only what the table lists exists; what is listed and not written here raises ``HarnessGapError``."""

    _table: dump.ClassTable

    def __init__(self) -> None:
        self._signals: dict[str, PlainSignal] = {}

    def __init_subclass__(cls, table: dump.ClassTable, **options) -> None:
        super().__init_subclass__(**options)
        cls._table = table
        own = [n for n in cls.__dict__ if not n.startswith("_")]
        unknown = [n for n in own if table.kind(n) is None]
        if unknown:
            raise AttributeError(f"the stand-in for {table.name} has names that Slicer's does not: {unknown}")

    def __getattribute__(self, name: str):
        if name.startswith("_"):
            return super().__getattribute__(name)
        cls = type(self)
        kind = cls._table.kind(name)
        if kind is None:
            raise AttributeError(f"{cls._table.name} has no '{name}' in Slicer (shared/slicer_api)")
        if any(name in k.__dict__ for k in cls.__mro__ if issubclass(k, StrictObject)):
            return super().__getattribute__(name)
        if name in ("connect", "disconnect"):
            return getattr(self, f"_{name}")
        if kind == "signal" or name in self.__dict__.get("_signals", {}):
            return self._signals.setdefault(name, PlainSignal())
        raise HarnessGapError(f"{cls._table.name}.{name} exists in Slicer but not in this harness")

    def __setattr__(self, name: str, value) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        owner = next((k for k in type(self).__mro__ if name in k.__dict__), None)
        member = owner.__dict__[name] if owner is not None else None
        if not isinstance(member, property) or member.fset is None:
            raise AttributeError(f"'{name}' of {self._table.name} cannot be set")
        member.fset(self, value)

    def _signal(self, text: str) -> PlainSignal:
        name, _ = signals.parse(text)
        if self._table.kind(name) is None:
            raise AttributeError(f"{self._table.name} has no '{text}' in Slicer (shared/slicer_api)")
        return self._signals.setdefault(name, PlainSignal())

    def _connect(self, signal: str, slot: Callable) -> bool:
        return self._signal(signal).connect(slot)

    def _disconnect(self, signal: str, slot: Callable) -> bool:
        return self._signal(signal).disconnect(slot)


def stored(name: str, default=None) -> property:
    """Make a plain read/write property that keeps its value under a private name."""
    private = f"_{name}"

    def read(self):
        return self.__dict__.get(private, default)

    def write(self, value) -> None:
        self.__dict__[private] = value

    return property(read, write)
