"""How each parameter type lies in a vtkMRMLScriptedModuleNode: strings under its name, nodes as node references."""

from __future__ import annotations

import enum
import pathlib
import typing
from collections.abc import Callable
from typing import Any

from ..overrides import HarnessGapError
from .annotations import Validator, splitAnnotations, union_members

PATHS = (pathlib.Path, pathlib.PosixPath, pathlib.PurePath, pathlib.PurePosixPath)


class Text:
    """A value that is one string of the parameter node."""

    def __init__(self, kind, default, encode: Callable = str, decode: Callable | None = None):
        self.kind = kind
        self.default = default
        self._encode = encode
        self._decode = decode or kind

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def check(self, value) -> None:
        allowed = (int, float) if self.kind is float else self.kind
        if value is None or not isinstance(value, allowed) or (self.kind is int and isinstance(value, bool)):
            raise TypeError(f"{value!r} is no {self.kind.__name__}")

    def write(self, node, name: str, value) -> None:
        self.check(value)
        node.SetParameter(name, self._encode(value))

    def read(self, node, name: str):
        return self._decode(node.GetParameter(name))


class NodeReference:
    """A MRML node, or None."""

    default = None

    def __init__(self, kinds: tuple):
        self.kinds = kinds

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def check(self, value) -> None:
        if value is not None and not isinstance(value, self.kinds):
            raise TypeError(f"{value!r} is none of {[k.__name__ for k in self.kinds]}")

    def write(self, node, name: str, value) -> None:
        self.check(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node, name: str):
        return node.GetNodeReference(name)


class Sequence:
    """A list: its length under ``name.len``, its items under ``name.0`` and on. Changing it in place is stored."""

    def __init__(self, item):
        self.item = item

    @property
    def default(self) -> list:
        return []

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(f"{name}.len"))

    def write(self, node, name: str, values) -> None:
        before = int(node.GetParameter(f"{name}.len") or 0)
        for index, value in enumerate(values):
            self.item.write(node, f"{name}.{index}", value)
        for index in range(len(values), before):
            node.UnsetParameter(f"{name}.{index}")
        node.SetParameter(f"{name}.len", str(len(values)))

    def read(self, node, name: str):
        count = int(node.GetParameter(f"{name}.len"))
        return StoredList([self.item.read(node, f"{name}.{i}") for i in range(count)], self, node, name)


class StoredList(list):
    """A list that writes itself back when it is changed in place."""

    def __init__(self, values, storage: Sequence, node, name: str):
        super().__init__(values)
        self._place = (storage, node, name)

    def _write(self) -> None:
        storage, node, name = self._place
        storage.write(node, name, list(self))


def _writing_back(method: str):
    def change(self, *arguments, **options):
        result = getattr(list, method)(self, *arguments, **options)
        self._write()
        return self if method == "__iadd__" else result

    return change


for _method in (
    "append",
    "extend",
    "insert",
    "pop",
    "remove",
    "clear",
    "sort",
    "reverse",
    "__setitem__",
    "__delitem__",
    "__iadd__",
):
    setattr(StoredList, _method, _writing_back(_method))


class Validated:
    """Checks a value before it is stored."""

    def __init__(self, inner, validators: list[Validator]):
        self.inner = inner
        self.validators = validators
        self.is_in = inner.is_in
        self.read = inner.read

    @property
    def default(self):
        return self.inner.default

    def write(self, node, name: str, value) -> None:
        if hasattr(self.inner, "check"):
            self.inner.check(value)
        for validator in self.validators:
            validator.validate(value)
        self.inner.write(node, name, value)


def storage_for(annotated) -> Any:
    """Return how values of a (possibly annotated) type are stored."""
    kind, annotations = splitAnnotations(annotated)
    return Validated(_plain_storage(kind), [a for a in annotations if isinstance(a, Validator)])


def _plain_storage(kind):
    import slicer

    if kind is bool:
        return Text(bool, False, decode=lambda text: text == "True")
    if kind in (int, float):
        return Text(kind, 0)
    if kind is str:
        return Text(str, "")
    if kind in PATHS:
        return Text(kind, kind())
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return Text(kind, next(iter(kind)), encode=lambda item: item.name, decode=lambda text: kind[text])
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode):
        return NodeReference((kind,))
    members = [m for m in union_members(kind) or () if m is not type(None)]
    if members and all(isinstance(m, type) and issubclass(m, slicer.vtkMRMLNode) for m in members):
        return NodeReference(tuple(members))
    if typing.get_origin(kind) is list:
        return Sequence(storage_for(typing.get_args(kind)[0]))
    raise HarnessGapError(f"a parameter of type {kind} is not stood in for")
