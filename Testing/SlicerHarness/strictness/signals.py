"""Signals the PythonQt way: ``button.clicked.connect(f)`` and ``button.connect("clicked(bool)", f)``.

PythonQt hands a Python function only as many arguments as it takes, picks the first overload of a signal that is
asked for by its name alone, and keeps the slot alive as long as the sender lives.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import shiboken6

_SLOTS: dict[int, list[tuple[str, Callable, Any, Callable]]] = {}
"""Connections by address of the sender: (signal as asked for, slot, Qt signal, trampoline)."""

# Overloads that Qt 6 renamed, and what of the renamed signal's arguments the Qt 5 overload carried.
RENAMED = {
    ("QComboBox", "currentIndexChanged", "QString"): "currentTextChanged",
    ("QComboBox", "activated", "QString"): "textActivated",
    ("QComboBox", "highlighted", "QString"): "textHighlighted",
    ("QSpinBox", "valueChanged", "QString"): "textChanged",
    ("QDoubleSpinBox", "valueChanged", "QString"): "textChanged",
    ("QButtonGroup", "buttonClicked", "int"): "idClicked",
    ("QButtonGroup", "buttonPressed", "int"): "idPressed",
    ("QButtonGroup", "buttonReleased", "int"): "idReleased",
    ("QButtonGroup", "buttonToggled", "int,bool"): "idToggled",
}


class BoundSignal:
    """One signal of one object, as PythonQt shows it."""

    def __init__(self, sender, name: str, overloads: list[list[str]], qt_signal, to_python: Callable):
        self._sender = sender
        self._name = name
        self._overloads = overloads
        self._signal = qt_signal
        self._to_python = to_python

    def connect(self, slot: Callable) -> bool:
        return connect(self._sender, self._name, self._overloads[0], slot, self._signal, self._to_python)

    def disconnect(self, slot: Callable | None = None) -> bool:
        return disconnect(self._sender, self._name, slot)

    def emit(self, *arguments) -> None:
        fitting = next((kinds for kinds in self._overloads if len(kinds) == len(arguments)), None)
        try:
            self._signal.emit(*arguments)
        except TypeError:
            if fitting is None:
                raise
            self._signal[",".join(fitting)].emit(*arguments)

    def __call__(self, *arguments) -> None:
        self.emit(*arguments)

    def __repr__(self) -> str:
        return f"<signal {self._name} of {type(self._sender).__name__}>"


def parse(text: str) -> tuple[str, list[str]]:
    """Split ``"finished(int,QProcess::ExitStatus)"`` into the name and its argument types."""
    match = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", text)
    if match is None:
        raise ValueError(f"'{text}' is no signal: it must read like 'clicked(bool)'")
    inside = match.group(2).replace("const ", "").replace("&", "").replace(" ", "")
    return match.group(1), [argument for argument in inside.split(",") if argument]


def accepted_arguments(slot: Callable) -> int | None:
    """Return how many positional arguments PythonQt would hand to ``slot``; None for all of them."""
    if not (inspect.isfunction(slot) or inspect.ismethod(slot)):
        return None
    code = slot.__code__
    if code.co_flags & inspect.CO_VARARGS:
        return None
    return code.co_argcount - (1 if inspect.ismethod(slot) else 0)


def connect(sender, name: str, overload: list[str], slot: Callable, qt_signal, to_python: Callable) -> bool:
    """Connect ``slot`` so that it is called with the arguments of ``overload`` that it takes."""
    if not callable(slot):
        raise TypeError(f"{slot!r} connected to {name} cannot be called")
    limit = accepted_arguments(slot)
    count = len(overload) if limit is None else min(limit, len(overload))

    trampoline = _trampoline(slot, count, to_python)
    qt_signal.connect(trampoline)
    address = shiboken6.getCppPointer(sender)[0]
    _SLOTS.setdefault(address, []).append((name, slot, qt_signal, trampoline))
    return True


def _trampoline(slot: Callable, count: int, to_python: Callable) -> Callable:
    """Return a function of exactly ``count`` arguments: PySide6 picks what it sends by counting them."""

    def call(*arguments) -> None:
        slot(*(to_python(argument) for argument in arguments))

    by_count: dict[int, Callable] = {
        0: lambda: call(),
        1: lambda a: call(a),
        2: lambda a, b: call(a, b),
        3: lambda a, b, c: call(a, b, c),
        4: lambda a, b, c, d: call(a, b, c, d),
    }
    return by_count[count]


def disconnect(sender, name: str, slot: Callable | None) -> bool:
    """Remove the connections of ``name`` to ``slot`` (to every slot when None); say whether there was one."""
    address = shiboken6.getCppPointer(sender)[0]
    known = _SLOTS.get(address, [])
    gone = [entry for entry in known if entry[0] == name and (slot is None or entry[1] == slot)]
    for entry in gone:
        entry[2].disconnect(entry[3])
        known.remove(entry)
    return bool(gone)


def forget(address: int) -> None:
    """Drop the slots of a deleted sender: its address may be given to another object."""
    _SLOTS.pop(address, None)


def knows(sender) -> bool:
    return shiboken6.getCppPointer(sender)[0] in _SLOTS


def forgetter(sender) -> Callable:
    address = shiboken6.getCppPointer(sender)[0]
    return lambda *_: forget(address)
