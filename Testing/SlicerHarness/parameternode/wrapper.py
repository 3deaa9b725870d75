"""``@parameterNodeWrapper``: typed attributes over a parameter node, connected to widgets by name."""

from __future__ import annotations

import sys
import typing
import weakref
from dataclasses import dataclass
from typing import Any

import vtk

from .annotations import Default, findFirstAnnotation, splitAnnotations
from .connectors import connector_for
from .storage import storage_for

SlicerParameterNamePropertyName = "SlicerParameterName"
RESERVED = {
    *("allParameters", "default", "isCached", "dataType", "getValue", "setValue", "connectGui", "disconnectGui"),
    *("connectParametersToGui", "StartModify", "EndModify", "AddObserver", "RemoveObserver", "Modified"),
    "parameterNode",
}


@dataclass(frozen=True)
class Parameter:
    """One typed member."""

    name: str
    annotated: Any
    storage: Any
    default: Default


class Wrapped:
    """What every wrapper class can do."""

    allParameters: dict[str, Parameter]

    def __init__(self, parameterNode, prefix: str | None = None):
        self.parameterNode = parameterNode
        self._prefix = prefix or ""
        self._guis: dict[int, tuple[dict, int]] = {}
        self._next_tag = 0
        self._updating = False
        self._writing: str | None = None
        self._observer = 0
        self._cache = {name: self._read(name) for name in self.allParameters}
        # Values are read anew when the node says that it was modified, and then only.
        itself = weakref.ref(self)
        self._observer = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: _read_anew(itself()))

    def __del__(self):
        self.parameterNode.RemoveObserver(self._observer)

    def _read(self, name: str):
        parameter, place = self.allParameters[name], self._prefix + name
        if not parameter.storage.is_in(self.parameterNode, place):
            parameter.storage.write(self.parameterNode, place, parameter.default.value)
        return parameter.storage.read(self.parameterNode, place)

    def _parameter(self, name: str) -> Parameter:
        if name not in self.allParameters:
            raise ValueError(f"there is no parameter '{name}' among {list(self.allParameters)}")
        return self.allParameters[name]

    def getValue(self, name: str):
        self._parameter(name)
        return self._cache[name]

    def setValue(self, name: str, value) -> None:
        parameter = self._parameter(name)
        self._writing = name
        was_modifying = self.StartModify()
        try:
            # Read back before anybody is told: observers ask for the new value.
            parameter.storage.write(self.parameterNode, self._prefix + name, value)
            self._cache[name] = self._read(name)
        finally:
            self.EndModify(was_modifying)
            self._writing = None

    def default(self, name: str) -> Default:
        return self._parameter(name).default

    @classmethod
    def dataType(cls, name: str):
        if name not in cls.allParameters:
            raise ValueError(f"there is no parameter '{name}'")
        return cls.allParameters[name].annotated

    def isCached(self, name: str) -> bool:
        return bool(self._parameter(name))

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, was_modifying) -> None:
        self.parameterNode.EndModify(was_modifying)

    def AddObserver(self, event, callback, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def connectGui(self, gui) -> int:
        """Connect the widgets that carry the dynamic property SlicerParameterName."""
        import qt

        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "isWidgetType") else gui.__dict__.values()
        named = ((widget.property(SlicerParameterNamePropertyName), widget) for widget in widgets)
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping: dict) -> int:
        for name in mapping:
            self._parameter(name)
        connectors = {name: connector_for(widget, self.dataType(name)) for name, widget in mapping.items()}
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.on_changed(self._taker(name, connector))
        self._next_tag += 1
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show())
        self._guis[self._next_tag] = (connectors, observer)
        return self._next_tag

    def disconnectGui(self, tag: int) -> None:
        if tag not in self._guis:
            return
        connectors, observer = self._guis.pop(tag)
        for connector in connectors.values():
            connector.on_changed(None)
        self.RemoveObserver(observer)

    def _taker(self, name: str, connector):
        def take() -> None:
            if not self._updating:
                self.setValue(name, connector.read())

        return take

    def _show(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for connectors, _ in list(self._guis.values()):
                for name, connector in connectors.items():
                    connector.write(self.getValue(name))
        finally:
            self._updating = False


def _read_anew(wrapper) -> None:
    """Take the node's values over; what cannot be read keeps its old one, and a traceback is printed."""
    for name in wrapper.allParameters if wrapper is not None else ():
        if name != wrapper._writing:
            try:
                wrapper._cache[name] = wrapper._read(name)
            except Exception:
                sys.excepthook(*sys.exc_info())


def parameterNodeWrapper(classtype=None):
    """Turn a class of annotated members into a wrapper class."""
    return _wrap if classtype is None else _wrap(classtype)


def _wrap(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    taken = [name for name in hints if name in RESERVED]
    if taken:
        raise ValueError(f"these names are the wrapper's own: {taken}")
    parameters = {name: _parameter(cls, name, annotated) for name, annotated in hints.items()}
    members = {k: v for k, v in vars(cls).items() if k not in ("__dict__", "__weakref__", "__init__")}
    members.update({name: _property(name) for name in parameters})
    members["allParameters"] = parameters
    members["_is_parameter_node_wrapper"] = True
    return type(cls.__name__, (Wrapped, *(b for b in cls.__bases__ if b is not object)), members)


def _parameter(cls, name: str, annotated) -> Parameter:
    storage = storage_for(annotated)
    if hasattr(cls, name):
        default = Default(getattr(cls, name))
    else:
        default = findFirstAnnotation(splitAnnotations(annotated)[1], Default) or Default(storage.default)
    return Parameter(name, annotated, storage, default)


def _property(name: str) -> property:
    return property(lambda self: self.getValue(name), lambda self, value: self.setValue(name, value))


def isParameterNodeWrapper(classOrObj) -> bool:
    return getattr(classOrObj, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter: str):
    import qt

    children = widget.findChildren(qt.QWidget)
    return next((w for w in children if w.property(SlicerParameterNamePropertyName) == parameter), None)
