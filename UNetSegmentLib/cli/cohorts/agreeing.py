"""Options that do not go together: one of them would be passed over without a word."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import UsageError


def refuse_beside(option: str, others: Mapping[str, object], cure: str) -> None:
    """Refuses what an option would pass over.

    Args:
        others: names of the others; true where they are given.

    Raises:
        UsageError: one of them is given.
    """
    for name, given in others.items():
        if given:
            raise UsageError(f"{option} and {name} were given, which do not go together.", cure)


def refuse_without(option: str, present: object, others: Mapping[str, object]) -> None:
    """Refuses what says nothing without an option.

    Args:
        present: true where the option is given.
        others: see :func:`refuse_beside`.

    Raises:
        UsageError: one of the others is given, and the option is not.
    """
    for name, given in others.items():
        if given and not present:
            raise UsageError(f"{name} was given without {option}.", f"Add {option}, or leave {name} out.")
