"""``@parameterNodeWrapper``: typed attributes over a parameter node, connected to widgets by name."""

from __future__ import annotations

import typing
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
        for parameter in self.allParameters.values():
            if not parameter.storage.is_in(parameterNode, self._prefix + parameter.name):
                parameter.storage.write(parameterNode, self._prefix + parameter.name, parameter.default.value)

    def _parameter(self, name: str) -> Parameter:
        if name not in self.allParameters:
            raise ValueError(f"there is no parameter '{name}' among {list(self.allParameters)}")
        return self.allParameters[name]

    def getValue(self, name: str):
        parameter = self._parameter(name)
        return parameter.storage.read(self.parameterNode, self._prefix + name)

    def setValue(self, name: str, value) -> None:
        was_modifying = self.StartModify()
        try:
            self._parameter(name).storage.write(self.parameterNode, self._prefix + name, value)
        finally:
            self.EndModify(was_modifying)

    def default(self, name: str) -> Default:
        return self._parameter(name).default

    @classmethod
    def dataType(cls, name: str):
        if name not in cls.allParameters:
            raise ValueError(f"there is no parameter '{name}'")
        return cls.allParameters[name].annotated

    def isCached(self, _name: str) -> bool:
        return False

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
