"""What PythonQt makes of a Python value that is not of the type a property or a method asks for."""

from __future__ import annotations

import numbers
from collections.abc import Callable

import numpy as np

WHOLE = ("int", "uint", "qlonglong", "qulonglong", "short", "ushort")
DECIMAL = ("double", "float", "qreal")


def for_property(owner: str, name: str, declared: str, value):
    """Return ``value`` as a property of the declared C++ type takes it.

    Text takes anything (None becomes "None"), a truth value too; numbers take numbers, cut to whole ones if need be.

    Raises:
        AttributeError: PythonQt would not take it.
    """
    kind = declared.split(" ")[0]
    if kind == "QString":
        return str(value)
    if kind == "bool":
        return bool(value)
    if kind in WHOLE + DECIMAL:
        if not isinstance(value, numbers.Real | np.bool_):
            raise AttributeError(f"property '{name}' of {owner} does not accept {value!r}")
        return int(value) if kind in WHOLE else float(value)
    return value


def calling(method: Callable, owner: str, name: str) -> Callable:
    """Return ``method`` with numpy's scalars taken, and with PythonQt's ValueError for arguments that do not fit."""

    def call(*arguments):
        try:
            return method(*(value.item() if isinstance(value, np.generic) else value for value in arguments))
        except TypeError as error:
            raise ValueError(
                f"Could not find matching overload for given arguments of {owner}.{name}: {error}"
            ) from None

    return call
