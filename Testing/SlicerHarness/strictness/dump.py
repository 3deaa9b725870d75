"""The ground truth: what a real Slicer exposes to Python, read from ``../shared/slicer_api``.

The JSON dumps were written inside a running Slicer. Everything strict in this harness asks here whether a name
exists; nothing here knows Qt or MRML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
DUMP_FOLDER = REPOSITORY.parent / "shared" / "slicer_api"


@dataclass(frozen=True)
class ClassTable:
    """The public members of one class as PythonQt shows them."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    signals: dict[str, list[list[str]]] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    is_widget: bool = False

    def kind(self, name: str) -> str | None:
        """Say what ``name`` is: property, signal, method, name (enum or nested class), or nothing at all."""
        if name in self.properties:
            return "property"
        if name in self.signals:
            return "signal"
        if name in self.methods:
            return "method"
        return "name" if name in self.names else None

    def writable(self, name: str) -> bool:
        return "(read only)" not in self.properties[name]

    def merged(self, other: ClassTable) -> ClassTable:
        """Return this table with the members of ``other`` behind it."""
        return ClassTable(
            self.name,
            {**other.properties, **self.properties},
            {**other.signals, **self.signals},
            {**other.methods, **self.methods},
            self.names | other.names,
            self.is_widget,
        )


def available() -> bool:
    return (DUMP_FOLDER / "qt.json").is_file()


@cache
def read(name: str):
    return json.loads((DUMP_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def _table(name: str, entry: dict) -> ClassTable:
    table = ClassTable(
        name,
        entry.get("properties") or {},
        entry.get("signals") or {},
        entry.get("methods") or {},
        frozenset(entry.get("other_names") or ()) | frozenset(entry.get("names") or ()),
        bool(entry.get("is_QWidget")) or "isActiveWindow" in entry.get("names", ()),
    )
    if table.is_widget and name != "QWidget":
        table = table.merged(_table("QWidget", read("qt")["QWidget"]))
    return table


@cache
def class_table(name: str) -> ClassTable | None:
    """Return the members of a class of ``qt``, ``ctk`` or ``slicer``; None when the dump has no such class."""
    for file in ("qt", "ctk", "slicer_widgets"):
        entry = read(file).get(name)
        if entry is not None:
            return _table(name, entry)
    return None


@cache
def application_table() -> ClassTable:
    """Return the members of ``slicer.app``."""
    application = read("application")
    return ClassTable(
        "slicer.app",
        application["app_properties"],
        application["app_signals"],
        {n: n for n in application["app"] if n not in application["app_properties"]},
    )


@cache
def names_table(section: str) -> ClassTable:
    """Return the members of an object whose names ``application.json`` lists, ``layoutManager`` for one."""
    return ClassTable(f"slicer {section}", names=frozenset(read("application")[section]))


@cache
def qt_names() -> frozenset[str]:
    return frozenset(read("qt_names"))


@cache
def slicer_names() -> frozenset[str]:
    return frozenset(read("application")["slicer"]) | frozenset(read("slicer_vtk_classes"))


@cache
def module_functions(name: str) -> dict[str, dict]:
    """Return what a Python module such as ``slicer.util`` holds."""
    return read("python_modules")[name]
