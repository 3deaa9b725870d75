"""Which widget shows which parameter type, and how: Slicer connects by the widget's exact class."""

from __future__ import annotations

import enum
from collections.abc import Callable

from .annotations import (
    Choice,
    Decimals,
    Maximum,
    Minimum,
    SingleStep,
    WithinRange,
    findFirstAnnotation,
    splitAnnotations,
    union_members,
)
from .storage import PATHS


class Connector:
    """Keeps one widget and one parameter equal."""

    def __init__(self, widget, signal: str, read: Callable, write: Callable):
        self._widget = widget
        self._signal = signal
        self.read = read
        self.write = write
        self._callback: Callable | None = None

    def widget(self):
        return self._widget

    def on_changed(self, callback: Callable | None) -> None:
        """Call ``callback()`` when the user changes the widget; None ends it."""
        signal = getattr(self._widget, self._signal)
        if self._callback is not None:
            signal.disconnect(self._callback)
        self._callback = callback
        if callback is not None:
            signal.connect(callback)


def connector_for(widget, datatype) -> Connector:
    """Return the connector of a widget and a type; RuntimeError when Slicer has none for the pair."""
    kind, annotations = splitAnnotations(datatype)
    for fits, make in _makers():
        if fits(type(widget), kind):
            return make(widget, kind, annotations)
    raise RuntimeError(f"Slicer cannot connect a parameter of type {datatype} to a {type(widget).__name__}")


def _attribute(name: str, signal: str) -> Callable:
    def make(widget, _kind, _annotations) -> Connector:
        return Connector(widget, signal, lambda: getattr(widget, name), lambda value: setattr(widget, name, value))

    return make


def _number(widget, kind, annotations: list) -> Connector:
    import ctk
    import qt

    within = findFirstAnnotation(annotations, WithinRange)
    low = within or findFirstAnnotation(annotations, Minimum)
    high = within or findFirstAnnotation(annotations, Maximum)
    if type(widget) in (qt.QSlider, ctk.ctkSliderWidget) and (low is None or high is None):
        raise RuntimeError(f"Slicer cannot connect an unbounded number to a {type(widget).__name__}")
    decimals = findFirstAnnotation(annotations, Decimals)
    if type(widget) not in (qt.QSlider, qt.QSpinBox):
        if kind is int:
            widget.decimals = 0
        elif decimals is not None:
            widget.decimals = decimals.value
    step = findFirstAnnotation(annotations, SingleStep)
    if step is not None:
        widget.singleStep = step.value
    unbounded = 2**31 - 1 if type(widget) in (qt.QSlider, qt.QSpinBox) else float("inf")
    widget.minimum = low.minimum if low is not None else -unbounded
    widget.maximum = high.maximum if high is not None else unbounded
    return Connector(
        widget, "valueChanged", lambda: kind(widget.value), lambda value: setattr(widget, "value", kind(value))
    )


def _choice(widget, _kind, annotations: list) -> Connector:
    choice = findFirstAnnotation(annotations, Choice)
    if choice is None:
        raise RuntimeError("Slicer connects a combo box only to a parameter with a Choice")
    widget.clear()
    widget.addItems([str(c) for c in choice.choices])
    return _indexed(widget, choice.choices)


def _enumeration(widget, kind, _annotations) -> Connector:
    members = list(kind)
    widget.clear()
    widget.addItems([m.label() if hasattr(m, "label") else m.name for m in members])
    return _indexed(widget, members)


def _indexed(widget, values: list) -> Connector:
    return Connector(
        widget,
        "currentIndexChanged",
        lambda: values[widget.currentIndex],
        lambda value: setattr(widget, "currentIndex", values.index(value)),
    )


def _node(widget, kind, _annotations) -> Connector:
    members = union_members(kind)
    kinds = [m for m in members if m is not type(None)] if members else [kind]
    widget.nodeTypes = [k.__name__ for k in kinds]
    return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)


def _path(widget, kind, _annotations) -> Connector:
    return Connector(
        widget,
        "currentPathChanged",
        lambda: kind(widget.currentPath),
        lambda value: setattr(widget, "currentPath", str(value)),
    )


def _directory(widget, kind, _annotations) -> Connector:
    return Connector(
        widget,
        "directoryChanged",
        lambda: kind(widget.directory),
        lambda value: setattr(widget, "directory", str(value)),
    )


def _is_node(kind) -> bool:
    import slicer

    kinds = [m for m in union_members(kind) or (kind,) if m is not type(None)]
    return bool(kinds) and all(isinstance(k, type) and issubclass(k, slicer.vtkMRMLNode) for k in kinds)


def _makers() -> list[tuple[Callable, Callable]]:
    import ctk
    import qt
    import slicer

    combos = (qt.QComboBox, ctk.ctkComboBox)
    floats = (qt.QDoubleSpinBox, ctk.ctkSliderWidget, ctk.ctkDoubleSpinBox, slicer.qMRMLSliderWidget)
    return [
        (lambda w, k: w in (qt.QCheckBox, ctk.ctkCheckBox) and k is bool, _attribute("checked", "stateChanged")),
        (lambda w, k: w is qt.QPushButton and k is bool, _attribute("checked", "toggled")),
        (lambda w, k: w in (qt.QSlider, qt.QSpinBox) and k is int, _number),
        (lambda w, k: w in floats and k in (int, float), _number),
        (lambda w, k: w in combos and k in (str, int, float, bool), _choice),
        (lambda w, k: w in combos and isinstance(k, type) and issubclass(k, enum.Enum), _enumeration),
        (lambda w, k: w is qt.QLineEdit and k is str, _attribute("text", "textChanged")),
        (lambda w, k: w is qt.QTextEdit and k is str, _attribute("plainText", "textChanged")),
        (lambda w, k: w is qt.QLabel and k is str, _label),
        (lambda w, k: w is ctk.ctkPathLineEdit and k in PATHS, _path),
        (lambda w, k: w is ctk.ctkDirectoryButton and k in PATHS, _directory),
        (lambda w, k: w is slicer.qMRMLNodeComboBox and _is_node(k), _node),
    ]


class _OneWay(Connector):
    """A label shows its parameter and never changes it."""

    def on_changed(self, callback: Callable | None) -> None:
        self._callback = callback


def _label(widget, _kind, _annotations) -> Connector:
    return _OneWay(widget, "", lambda: widget.text, lambda value: setattr(widget, "text", value))
