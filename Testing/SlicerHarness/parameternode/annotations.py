"""What may stand in ``Annotated[type, ...]`` of a parameter: validators, defaults and hints for widgets."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any


class Validator:
    """Base of all validators."""

    def validate(self, value) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class WithinRange(Validator):
    minimum: float
    maximum: float

    def validate(self, value) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within [{self.minimum}, {self.maximum}]")


@dataclass(frozen=True)
class Minimum(Validator):
    minimum: float

    def validate(self, value) -> None:
        if value < self.minimum:
            raise ValueError(f"{value} is below {self.minimum}")


@dataclass(frozen=True)
class Maximum(Validator):
    maximum: float

    def validate(self, value) -> None:
        if value > self.maximum:
            raise ValueError(f"{value} is above {self.maximum}")


class Choice(Validator):
    def __init__(self, choices):
        self.choices = list(choices)

    def validate(self, value) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {self.choices}")


class Exclude(Validator):
    def __init__(self, excludedValues):
        self.excludedValues = list(excludedValues)

    def validate(self, value) -> None:
        if value in self.excludedValues:
            raise ValueError(f"{value!r} is excluded")


class NotNone(Validator):
    def validate(self, value) -> None:
        if value is None:
            raise ValueError("the value must not be None")


@dataclass(frozen=True)
class IsInstance(Validator):
    classtype: Any

    def validate(self, value) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"{value!r} is no {self.classtype}")


class Default:
    def __init__(self, value=None, *, generator=None):
        if value is not None and generator is not None:
            raise ValueError("a default is a value or a generator, not both")
        self._value = value
        self._generator = generator

    @property
    def value(self):
        return self._generator() if self._generator is not None else self._value


@dataclass(frozen=True)
class Decimals:
    value: int


@dataclass(frozen=True)
class SingleStep:
    value: float


@dataclass(frozen=True)
class Label:
    label: str


def splitAnnotations(possiblyAnnotatedType) -> tuple[Any, list]:
    """Split ``Annotated[T, a, b]`` into ``(T, [a, b])``; classes among the annotations are instantiated."""
    if typing.get_origin(possiblyAnnotatedType) is not typing.Annotated:
        return possiblyAnnotatedType, []
    first, *rest = typing.get_args(possiblyAnnotatedType)
    return first, [item() if isinstance(item, type) else item for item in rest]


def unannotatedType(possiblyAnnotatedType):
    return splitAnnotations(possiblyAnnotatedType)[0]


def findFirstAnnotation(annotationsList, annotationType):
    return next((item for item in annotationsList if isinstance(item, annotationType)), None)


def union_members(kind) -> tuple | None:
    """Return the members of ``Optional`` and ``Union`` types, written either way; None for other types."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else None
