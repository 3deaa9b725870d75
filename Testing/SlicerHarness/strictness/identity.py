"""Truth, equality and the life of a Qt object as PythonQt shows them to Python.

An object whose class has ``isNull()`` or ``isEmpty()`` is false while that holds, empty layouts and menus among them;
one whose C++ object is gone is false, equals None and raises ValueError at any use.
"""

from __future__ import annotations

import shiboken6
from PySide6 import QtCore


def python_bases(kind) -> list[type]:
    """Return what ``isinstance()`` knows in PythonQt: the classes written in Python down to the first one of C++.

    Python classes do not inherit from each other as those of C++ do.
    """
    found = []
    for base in kind.__mro__:
        found.append(base)
        if getattr(base, "_strict_kind", "user") != "user":
            break
    return found


def lives(self) -> bool:
    """Say whether there is a C++ object behind a Python one; of values there always is."""
    if not issubclass(type(self)._strict_plain, QtCore.QObject):
        return True
    # Of what Qt made, shiboken neither knows the end nor the class that ``strict.adopt`` gave it.
    life = self.__dict__.get("_life")
    return shiboken6.isValid(self) if life is None else bool(life)


def watch_life(value) -> None:
    """Remember when an object that Qt made is deleted."""
    if isinstance(value, QtCore.QObject):
        life = [True]
        value.destroyed.connect(lambda *_: life.clear())
        value.__dict__["_life"] = life


def destroyed(self, name: str) -> ValueError:
    """Return what PythonQt raises when the C++ object is no more."""
    return ValueError(f"Trying to use '{name}' from a destroyed {type(self).__name__} object")


def members(plain) -> dict[str, object]:
    """Return the special methods of a strict class over the PySide6 class ``plain``."""
    given: dict[str, object] = {"__bool__": _truth(plain)}
    if issubclass(plain, QtCore.QObject):
        given.update(__eq__=_same_object, __hash__=object.__hash__)
    if hasattr(plain, "__len__"):
        given["__len__"] = _no_length
    if plain is QtCore.QByteArray:
        given["__bytes__"] = _no_bytes
    return given


def _truth(plain):
    question = next((name for name in ("isNull", "isEmpty") if callable(getattr(plain, name, None))), None)
    if plain is QtCore.QModelIndex:
        return QtCore.QModelIndex.isValid

    def truth(self) -> bool:
        if not lives(self):
            return False
        if question is None:
            return True
        own = next((k.__dict__[question] for k in type(self).__mro__ if question in k.__dict__), None)
        return not (own or getattr(plain, question))(self)

    return truth


def _same_object(self, other) -> bool:
    return self is other or (other is None and not lives(self))


def _no_length(self):
    raise TypeError(f"object of type '{type(self).__name__}' has no len()")


def _no_bytes(self):
    raise TypeError("cannot convert 'QByteArray' object to bytes: use .data()")
