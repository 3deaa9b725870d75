"""How each parameter type lies in a vtkMRMLScriptedModuleNode: strings under its name, nodes as node references."""

from __future__ import annotations

import collections.abc
import enum
import pathlib
import typing
from collections.abc import Callable
from typing import Any

from ..strictness.overrides import HarnessGapError
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
        if value is None:
            raise ValueError("Value must not be None")
        # A bool is an int to Python, and so to Slicer: it is stored as a word that no later reading understands.
        if not isinstance(value, (int, float) if self.kind is float else self.kind):
            raise TypeError(f"{value!r} is no {self.kind.__name__}")

    def takes(self, value) -> bool:
        return isinstance(value, self.kind)

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)

    def write(self, node, name: str, value) -> None:
        self.check(value)
        node.SetParameter(name, self._encode(value))

    def read(self, node, name: str):
        return self._decode(node.GetParameter(name))


class NodeReference:
    """A MRML node, or None."""

    default = None

    def __init__(self, kind):
        self.kind = kind

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def check(self, value) -> None:
        if value is not None and not isinstance(value, self.kind):
            raise TypeError(f"{value!r} is no {self.kind.__name__}")

    def takes(self, value) -> bool:
        import slicer

        return isinstance(value, slicer.vtkMRMLNode)

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)

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
        modified = node.StartModify()
        try:
            for index, value in enumerate(values):
                self.item.write(node, f"{name}.{index}", value)
            for index in range(len(values), before):
                node.UnsetParameter(f"{name}.{index}")
            node.SetParameter(f"{name}.len", str(len(values)))
        finally:
            node.EndModify(modified)

    def read(self, node, name: str):
        count = int(node.GetParameter(f"{name}.len"))
        return StoredList([self.item.read(node, f"{name}.{i}") for i in range(count)], self, node, name)


class StoredList(collections.abc.MutableSequence):
    """Looks like a list, is none, and writes itself back when it is changed in place."""

    def __init__(self, values, storage: Sequence, node, name: str):
        self._values = list(values)
        self._place = (storage, node, name)

    def _write(self) -> None:
        storage, node, name = self._place
        storage.write(node, name, self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index):
        return self._values[index]

    def __setitem__(self, index, value) -> None:
        self._values[index] = value
        self._write()

    def __delitem__(self, index) -> None:
        del self._values[index]
        self._write()

    def insert(self, index: int, value) -> None:
        self._values.insert(index, value)
        self._write()

    def append(self, value) -> None:
        self.insert(len(self._values), value)

    def extend(self, values) -> None:
        self._values.extend(values)
        self._write()

    def sort(self, **options) -> None:
        self._values.sort(**options)
        self._write()

    def __eq__(self, other) -> bool:
        return self._values == (other._values if isinstance(other, StoredList) else other)

    def __repr__(self) -> str:
        return f"ObservedList({self._values})"


class Nothing:
    """None, as a member of a union."""

    default = None

    def is_in(self, node, name: str) -> bool:
        return bool(node.HasParameter(name))

    def takes(self, value) -> bool:
        return value is None

    def check(self, value) -> None:
        if value is not None:
            raise ValueError("Value must be None")

    def write(self, node, name: str, value) -> None:
        node.SetParameter(name, "True")

    def read(self, node, name: str) -> None:
        return None

    def remove(self, node, name: str) -> None:
        node.UnsetParameter(name)


class Union:
    """One of several types; the member that is stored lies under ``name.0``, ``name.1`` and so on."""

    def __init__(self, members: list):
        self.members = members

    @property
    def default(self):
        optional = len(self.members) == 2 and isinstance(self.members[1], Nothing)
        return None if optional else self.members[0].default

    def is_in(self, node, name: str) -> bool:
        return any(member.is_in(node, f"{name}.{i}") for i, member in enumerate(self.members))

    def write(self, node, name: str, value) -> None:
        chosen = self._member_for(value)
        modified = node.StartModify()
        try:
            for index, member in enumerate(self.members):
                member.remove(node, f"{name}.{index}")
            self.members[chosen].write(node, f"{name}.{chosen}", value)
        finally:
            node.EndModify(modified)

    def _member_for(self, value) -> int:
        refused = None
        for index, member in enumerate(self.members):
            if not member.takes(value):
                continue
            try:
                member.check(value)
            except (TypeError, ValueError) as error:
                refused = error
            else:
                return index
        # Slicer says so of None too, where no member of the union is None.
        raise refused or TypeError(f"Unable to write value '{value}' of type '{type(value)}'")

    def read(self, node, name: str):
        for index, member in enumerate(self.members):
            if member.is_in(node, f"{name}.{index}"):
                return member.read(node, f"{name}.{index}")
        raise KeyError(f"Unable to find value for name: {name}")


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
        return NodeReference(kind)
    if kind is type(None):
        return Nothing()
    if union_members(kind):
        return Union([_plain_storage(splitAnnotations(member)[0]) for member in union_members(kind)])
    if typing.get_origin(kind) is list:
        return Sequence(storage_for(typing.get_args(kind)[0]))
    raise HarnessGapError(f"a parameter of type {kind} is not stood in for")
