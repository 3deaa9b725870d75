"""A training's configuration: its values, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .checking import check_training
from .values import TrainingValues


@dataclass(frozen=True)
class TrainingConfig(TrainingValues):
    """One training run whose values can work; :class:`~.values.TrainingValues` says what each of them means.

    Raises:
        InputError: a value that cannot work, named.
    """

    def __post_init__(self) -> None:
        check_training(self)


def same_but_for(one: TrainingConfig, other: TrainingConfig, free: Iterable[str]) -> bool:
    """Whether two trainings are equal, whatever they say under the names ``free``."""
    return replace(one, **{name: getattr(other, name) for name in free}) == other
