"""Which members of the dump belong to a PySide6 class."""

from __future__ import annotations

from PySide6 import QtCore

from . import dump

# The dump could not make one of these; BEHAVIOUR.md tells of these names.
TOLD = {"QLayoutItem": frozenset({"widget", "layout", "spacerItem"})}


def refined(plain, table: dump.ClassTable) -> dump.ClassTable:
    """Tell properties and signals among bare names: the dump could not instantiate some classes (QShortcut)."""
    if table.properties or not issubclass(plain, QtCore.QObject):
        return table
    meta = plain.staticMetaObject
    properties = {
        name: "listed" if meta.property(meta.indexOfProperty(name)).isWritable() else "listed (read only)"
        for name in table.names
        if meta.indexOfProperty(name) >= 0
    }
    found: dict[str, list[list[str]]] = {}
    for index in range(meta.methodCount()):
        method = meta.method(index)
        name = method.name().data().decode()
        if name in table.names and method.methodType() == QtCore.QMetaMethod.MethodType.Signal:
            found.setdefault(name, []).append([t.data().decode() for t in method.parameterTypes()])
    return dump.ClassTable(table.name, properties, found, table.methods, table.names, table.is_widget)


def table_for(plain) -> dump.ClassTable:
    """Return the dump's members of a Qt class; of its nearest listed base when only its name is listed."""
    told = dump.ClassTable(plain.__name__, names=TOLD.get(plain.__name__, frozenset()))
    for base in plain.__mro__:
        table = dump.class_table(base.__name__)
        if table is not None:
            return table if base is plain and not told.names else told.merged(table)
    return told
