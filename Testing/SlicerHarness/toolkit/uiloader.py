"""Loads the real ``.ui`` files: Qt's own loader builds, this module checks every name and wires MRML widgets.

Slicer's loader knows the plugin classes and passes over what it does not understand. Here an unknown class, a
property that the class does not have, or a connection between members that do not exist raises.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

from PySide6 import QtCore, QtUiTools, QtWidgets

from ..strictness import dump, signals
from ..strictness.overrides import HarnessGapError, ui_loading
from ..strictness.strict import StrictMeta, adopt, qt_class

# Spelled in .ui files, yet no members of a class: layout and container attributes of Designer itself.
LAYOUT_PROPERTIES = {"leftMargin", "topMargin", "rightMargin", "bottomMargin", "horizontalSpacing", "verticalSpacing"}


class UiFileError(ValueError):
    """A .ui file names something that Slicer does not have."""


class _Builder(QtUiTools.QUiLoader):
    """Qt's loader, creating strict classes."""

    def __init__(self, find_class: Callable):
        super().__init__()
        self._find_class = find_class

    def createWidget(self, class_name, parent=None, name=""):
        widget = self._find_class(class_name)(parent) if parent is not None else self._find_class(class_name)()
        QtCore.QObject.setObjectName(widget, name)
        return widget

    def createLayout(self, class_name, parent=None, name=""):
        layout = super().createLayout(class_name, parent, name)
        if layout is not None and not isinstance(type(layout), StrictMeta):
            adopt(layout, qt_class(class_name))
        return layout


class UiLoader:
    """Stands for ``qt.QUiLoader``."""

    find_class: Callable = staticmethod(qt_class)

    def load(self, file, parent=None):
        """Build the widgets of an open ``qt.QFile``."""
        text = bytes(QtCore.QIODevice.readAll(file).data())
        root = ElementTree.fromstring(text)
        later = [_checked_widget(element, self.find_class) for element in root.iter("widget")]
        connections = _take_connections(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        ui_loading.append("ui")
        try:
            widget = _Builder(self.find_class).load(buffer, parent)
        finally:
            ui_loading.pop()
        children = {QtCore.QObject.objectName(c): c for c in QtCore.QObject.findChildren(widget, QtWidgets.QWidget)}
        children[QtCore.QObject.objectName(widget)] = widget
        for name, properties in later:
            for key, value in properties.items():
                setattr(children[name], key, value)
        for connection in connections:
            _wire(children, *connection)
        return widget

    def deleteLater(self) -> None:
        """Nothing to delete: the builder lives as long as ``load``."""


def find_class_among(standins: dict[str, type]) -> Callable:
    """Return a function that finds a widget class by name, strictly."""

    def find(name: str):
        if name in standins:
            return standins[name]
        if dump.class_table(name) is None and name not in dump.qt_names():
            raise UiFileError(f"class {name} is not in Slicer (shared/slicer_api)")
        found = qt_class(name)
        if found is None:
            raise HarnessGapError(f"{name} exists in Slicer but not in this harness")
        return found

    return find


def _checked_widget(element, find_class: Callable) -> tuple[str, dict[str, object]]:
    """Check a widget's class and properties; take out those that Qt's own loader would not know."""
    cls = find_class(element.get("class"))
    table = cls._strict_table
    plain = next(k for k in cls.__mro__ if not isinstance(k, StrictMeta))
    ours: dict[str, object] = {}
    for item in list(element.findall("property")):
        name = item.get("name")
        if item.get("stdset") == "0" and name not in table.properties:
            continue
        if name not in table.properties:
            raise UiFileError(f"{element.get('name')}: {table.name} has no property '{name}' in Slicer")
        if plain.staticMetaObject.indexOfProperty(name) < 0 or name in cls.__dict__:
            ours[name] = _value(item[0])
            element.remove(item)
    return element.get("name"), ours


def _value(element) -> object:
    """Read the value of a property."""
    text = element.text or ""
    readers: dict[str, Callable] = {
        "bool": lambda: text == "true",
        "number": lambda: int(text),
        "double": lambda: float(text),
        "string": lambda: text,
        "cstring": lambda: text,
        "stringlist": lambda: tuple(item.text or "" for item in element.findall("string")),
        "enum": lambda: text.rsplit("::", 1)[-1],
        "set": lambda: text,
    }
    reader = readers.get(element.tag)
    if reader is None:
        raise HarnessGapError(f".ui property of type <{element.tag}> on a CTK or MRML widget")
    return reader()


def _take_connections(root) -> list[tuple[str, str, str, str]]:
    found = []
    for block in root.findall("connections"):
        found += [tuple(c.findtext(k) for k in ("sender", "signal", "receiver", "slot")) for c in block]
        root.remove(block)
    return found


def _wire(children: dict, sender: str, signal: str, receiver: str, slot: str) -> None:
    """Make one connection of the .ui file; both ends must exist in Slicer."""
    for name in (sender, receiver):
        if name not in children:
            raise UiFileError(f"connection {sender}.{signal} -> {receiver}.{slot}: no widget '{name}'")
    method, _ = signals.parse(slot)
    children[sender].connect(signal, getattr(children[receiver], method))
