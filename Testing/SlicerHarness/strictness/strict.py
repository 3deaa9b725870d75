"""Classes that look like PythonQt's over PySide6's, and refuse every name that the dump does not list.

A strict class *is* a PySide6 class with attribute access redirected: a Qt property is an attribute, a method is
callable, a signal is a ``BoundSignal``, anything else raises. Three kinds exist:

- ``auto``: made from the dump alone, one per Qt class;
- ``standin``: written here for a CTK, MRML or Slicer widget; it may keep private state under names with one
  underscore in front, and its public names are checked against the dump when the class is made;
- ``user``: subclasses written in the module under test, free to add names of their own.
"""

from __future__ import annotations

import ctypes
import dis
import inspect
import sys
from collections.abc import Callable
from functools import cache

import shiboken6
from PySide6 import QtCore, QtGui, QtWidgets

from . import dump, identity, loose, signals
from .overrides import HarnessGapError, overrides, ui_loading
from .tables import refined, table_for

SbkMeta = type(QtCore.QObject)
# PythonQt gives these to every object, though dumps of single classes do not list them (Slicer's own slicer.util
# relies on ``name`` and ``exec_``).
COMMON = {"className", "delete", "help", "inherits", "connect", "disconnect", "name", "exec_"}
# PySide6 itself looks these up on classes and instances.
INTERNAL = {"staticMetaObject", "metaObject", "mro"}


class StrictMeta(SbkMeta):
    """Metaclass of every strict class: strict access on the class, and isinstance() as in PythonQt."""

    def __new__(meta, name, bases, namespace, kind="user", table=None):
        cls = SbkMeta.__new__(meta, name, bases, namespace)
        inherited = next((b for b in bases if isinstance(b, StrictMeta)), None)
        type.__setattr__(cls, "_strict_kind", kind)
        type.__setattr__(cls, "_strict_table", table or (inherited._strict_table if inherited else None))
        type.__setattr__(cls, "_strict_cache", {})
        type.__setattr__(cls, "_strict_plain", _plain_class(cls))
        if kind == "standin":
            _check_standin(cls, namespace)
        return cls

    def __init__(cls, name, bases, namespace, kind="user", table=None):
        SbkMeta.__init__(cls, name, bases, namespace)

    def __call__(cls, *arguments, **options):
        if options and cls._strict_kind != "user":
            raise TypeError(f"{cls.__name__}: PythonQt takes no keyword arguments, not even {sorted(options)}")
        return SbkMeta.__call__(cls, *arguments, **options)

    def __getattribute__(cls, name):
        if name.startswith("_") or name in INTERNAL or _python_owner(cls, name) is not None:
            return SbkMeta.__getattribute__(cls, name)
        return _class_attribute(cls, name)

    def __instancecheck__(cls, instance):
        return cls in identity.python_bases(type(instance))

    def __subclasscheck__(cls, subclass):
        return cls in identity.python_bases(subclass)


def _check_standin(cls, namespace) -> None:
    table = cls._strict_table
    unknown = [n for n in namespace if not n.startswith("_") and table.kind(n) is None and n not in COMMON]
    if unknown:
        raise AttributeError(f"the stand-in for {table.name} has names that Slicer's does not: {unknown}")


def _plain_class(cls):
    """Return the PySide6 class under a strict class."""
    return next(k for k in cls.__mro__ if not isinstance(k, StrictMeta))


def _python_owner(cls, name: str):
    """Return the user or stand-in class that defines ``name`` in Python, if any."""
    for owner in cls.__mro__:
        if not isinstance(owner, StrictMeta):
            return None
        if owner._strict_kind != "auto" and name in owner.__dict__:
            return owner
    return None


def _unknown(cls, name: str) -> AttributeError:
    table = cls._strict_table
    return AttributeError(f"{table.name if table else cls.__name__} has no '{name}' in Slicer (shared/slicer_api)")


def _class_attribute(cls, name: str):
    table = cls._strict_table
    static = overrides.statics.get((table.name, name))
    if static is not None:
        return static
    if table.kind(name) is None and name not in COMMON:
        raise _unknown(cls, name)
    try:
        value = SbkMeta.__getattribute__(cls, name)
    except AttributeError:
        raise HarnessGapError(f"{table.name}.{name} exists in Slicer but not in this harness") from None
    if inspect.isbuiltin(value):  # a static method
        return lambda *arguments: to_python(value(*arguments))
    return value


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _property_getter(plain, table, name: str) -> Callable:
    given = overrides.getters.get((table.name, name))
    if given is not None:
        return given
    for candidate in (name, "is" + _capital(name), "has" + _capital(name)):
        function = getattr(plain, candidate, None)
        if callable(function) and not isinstance(function, type):
            return lambda self: function(self)
    if issubclass(plain, QtCore.QObject) and plain.staticMetaObject.indexOfProperty(name) >= 0:
        return lambda self: QtCore.QObject.property(self, name)
    raise HarnessGapError(f"property {table.name}.{name} exists in Slicer but not in this harness")


def _property_setter(plain, table, name: str) -> Callable | None:
    given = overrides.setters.get((table.name, name))
    if given is not None:
        return given
    function = getattr(plain, "set" + _capital(name), None)
    declared = table.properties[name]

    def write(self, value) -> None:
        value = loose.for_property(table.name, name, declared, value)
        if function is not None:
            try:
                function(self, value)
                return
            except TypeError:
                if not isinstance(value, int):
                    raise
        if not QtCore.QObject.setProperty(self, name, value):
            raise AttributeError(f"property '{name}' of {table.name} does not accept {value!r}")

    return write if table.writable(name) else None


class Access:
    """How one public name of one strict class is read and written."""

    def __init__(self, read: Callable | None, write: Callable | None, python: bool = False):
        self.read = read
        self.write = write
        self.python = python


def _access(cls, name: str) -> Access:
    known = cls._strict_cache.get(name)
    if known is None:
        known = cls._strict_cache[name] = _resolve(cls, name)
    return known


def _resolve(cls, name: str) -> Access:
    table = cls._strict_table
    owner = _python_owner(cls, name)
    if owner is not None:
        value = owner.__dict__[name]
        if isinstance(value, QtCore.Signal):
            return Access(_signal_reader(table, name), None)
        if owner._strict_kind == "standin" and table.kind(name) == "property" and inspect.isfunction(value):
            return Access(lambda self: to_python(value(self)), None)  # a virtual such as sizeHint
        settable = isinstance(value, property) and value.fset is not None
        return Access(None, _plain_set if settable or owner._strict_kind == "user" else None, python=True)
    plain = _plain_class(cls)
    if (table.name, name) in overrides.methods:
        return Access(_method_reader(overrides.methods[table.name, name]), None)
    kind = table.kind(name)
    if kind == "property":
        getter = _property_getter(plain, table, name)
        return Access(lambda self: to_python(getter(self)), _property_setter(plain, table, name))
    if kind == "signal":
        return Access(_signal_reader(table, name), None)
    if name in COMMON_METHODS:
        return COMMON_METHODS[name]
    if kind in ("method", "name"):
        return Access(_plain_reader(plain, table, name), None)
    raise _unknown(cls, name)


def _method_reader(function: Callable) -> Callable:
    return lambda self: lambda *arguments: to_python(function(self, *arguments))


def _plain_reader(plain, table, name: str) -> Callable:
    if not hasattr(plain, name):
        raise HarnessGapError(f"{table.name}.{name} exists in Slicer but not in this harness")

    def read(self):
        value = _plain_get(self, name)
        if not inspect.isroutine(value):
            return value
        call = loose.calling(value, table.name, name)
        return lambda *arguments: to_python(call(*arguments))

    return read


def _strict_leaf(cls):
    """Return the strict class that sits directly on the PySide6 class."""
    return [k for k in cls.__mro__ if isinstance(k, StrictMeta)][-1]


def raw(instance):
    """Return a view of ``instance`` with PySide6's own names, for the harness itself."""
    cls = type(instance)
    return super(_strict_leaf(cls), instance) if isinstance(cls, StrictMeta) else instance


def _signal_reader(table, name: str) -> Callable:
    def read(self):
        overloads = table.signals.get(name) or [["object"]]
        return signals.BoundSignal(self, name, overloads, _qt_signal(self, table, name, overloads[0]), to_python)

    return read


def _qt_signal(self, table, name: str, overload: list[str]):
    renamed = signals.RENAMED.get((table.name, name, ",".join(overload)), name)
    try:
        return getattr(raw(self), renamed) if _python_owner(type(self), name) is None else _plain_get(self, name)
    except AttributeError:
        raise HarnessGapError(f"signal {table.name}.{name} exists in Slicer but not in this harness") from None


def _connect(self, signal: str, slot: Callable, *more) -> bool:
    name, overload = _checked_signal(type(self), signal)
    qt_signal = _qt_signal(self, type(self)._strict_table, name, overload)
    if more or not callable(slot):
        raise HarnessGapError("only connect(signal, callable) is stood in for")
    if not signals.knows(self):
        QtCore.QObject.destroyed.__get__(self).connect(signals.forgetter(self))
    return signals.connect(self, name, overload, slot, qt_signal, to_python)


def _disconnect(self, signal: str, slot: Callable | None = None) -> bool:
    name, _ = _checked_signal(type(self), signal)
    return signals.disconnect(self, name, slot)


def _checked_signal(cls, text: str) -> tuple[str, list[str]]:
    name, arguments = signals.parse(text)
    overloads = cls._strict_table.signals.get(name)
    if overloads is None:
        raise _unknown(cls, text)
    if arguments not in [[a.replace(" ", "").replace("&", "") for a in o] for o in overloads]:
        raise AttributeError(f"{cls._strict_table.name}.{name} has the overloads {overloads}, not {text}")
    return name, arguments


def _inherits(self, class_name: str) -> bool:
    return any(k.__name__ == class_name for k in type(self).__mro__)


COMMON_METHODS = {
    "connect": Access(lambda self: lambda *a: _connect(self, *a), None),
    "disconnect": Access(lambda self: lambda *a: _disconnect(self, *a), None),
    "className": Access(lambda self: lambda: type(self)._strict_table.name, None),
    "inherits": Access(lambda self: lambda name: _inherits(self, name), None),
    "delete": Access(lambda self: lambda: shiboken6.delete(self), None),
    "help": Access(lambda self: lambda: None, None),
    "name": Access(
        lambda self: QtCore.QObject.objectName(self), lambda self, value: QtCore.QObject.setObjectName(self, value)
    ),
    "exec_": Access(lambda self: self.exec, None),
}


def _get(self, name: str):
    if name.startswith("_") or name in INTERNAL:
        return _plain_get(self, name)
    cls = type(self)
    if cls._strict_kind == "user" and name in _plain_get(self, "__dict__"):
        return _plain_get(self, name)
    if not identity.lives(self) and _asked_by_python():
        raise identity.destroyed(self, name)
    try:
        access = _access(cls, name)
    except AttributeError:
        found = getattr(cls._strict_plain, name, None)
        virtual = inspect.ismethoddescriptor(found) and not isinstance(found, QtCore.Signal)
        if virtual and not _asked_by_python():
            return _plain_get(self, name)
        raise
    return _plain_get(self, name) if access.python else access.read(self)


def _asked_by_python() -> bool:
    """Say whether the caller executes ``object.name``.

    PySide6 looks for Python overrides of virtual methods through this very attribute access, and a refusal there
    would surface as an error of an innocent line. Such a look-up happens while the frame executes a call.
    """
    try:
        frame = sys._getframe(2)
    except ValueError:  # Qt clears up after the last line of Python
        return False
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("LOAD_ATTR", "LOAD_METHOD")


def _plain_get(self, name: str):
    # Not object's: PySide6 resolves methods that are both static and not (QFile.exists) in its own look-up.
    return type(self)._strict_plain.__getattribute__(self, name)


def _plain_set(self, name: str, value) -> None:
    type(self)._strict_plain.__setattr__(self, name, value)


def _set(self, name: str, value) -> None:
    cls = type(self)
    kind = cls._strict_kind
    # PySide6 itself hangs the signals of an object that Qt made on it.
    if (name.startswith("_") and kind != "auto") or isinstance(value, QtCore.SignalInstance):
        _plain_set(self, name, value)
        return
    try:
        access = _access(cls, name)
    except AttributeError:
        if ui_loading:  # PySide6's loader hangs every named child on the root as an attribute; PythonQt's does not
            return
        if kind != "user":
            raise AttributeError(
                f"{_unknown(cls, name)}; creating new attributes on C++ objects is not allowed"
            ) from None
        _plain_set(self, name, value)
        return
    if not identity.lives(self):
        raise identity.destroyed(self, name)
    if access.write is None:
        raise AttributeError(f"'{name}' of {cls._strict_table.name} cannot be set")
    if access.python:
        _plain_set(self, name, value)
    else:
        access.write(self, value)


def strict_class(plain, table: dump.ClassTable):
    """Make the ``auto`` strict class of a PySide6 class."""
    table = refined(plain, table)
    given = {"__getattribute__": _get, "__setattr__": _set, "__doc__": plain.__doc__, "__module__": "qt"}
    return StrictMeta(plain.__name__, (plain,), {**given, **identity.members(plain)}, kind="auto", table=table)


@cache
def qt_class(name: str):
    """Return the strict class of a Qt class by its name in the dump; None when PySide6 has no such class."""
    for module in (QtWidgets, QtGui, QtCore):
        plain = getattr(module, name, None)
        if isinstance(plain, type):
            return strict_class(plain, table_for(plain)) if issubclass(plain, shiboken6.Object) else None
    return None


@cache
def _strict_counterpart(plain):
    if plain is QtWidgets.QWidgetItem:
        return qt_class("QLayoutItem")  # what a layout hands out is bare
    for base in plain.__mro__:
        if base.__name__ in dump.qt_names() and base.__module__.startswith("PySide6"):
            return qt_class(base.__name__)
    return None


def to_python(value):
    """Turn what PySide6 hands out into what PythonQt would: strict objects, tuples for lists."""
    if isinstance(value, list):
        return tuple(to_python(item) for item in value)
    if isinstance(value, shiboken6.Object) and not isinstance(type(value), StrictMeta):
        counterpart = _strict_counterpart(type(value))
        if counterpart is not None:
            adopt(value, counterpart)
    return value


def adopt(value, cls) -> None:
    """Give an object made by Qt its strict class.

    Assigning ``__class__`` counts one reference to the new type too few: shiboken drops one when the object dies.
    """
    identity.watch_life(value)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(cls))
    value.__class__ = cls
