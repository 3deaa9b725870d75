"""highdicom, which not every installation has."""

from __future__ import annotations

import re
from typing import Any

from ...errors import DependencyError

OLDEST = "0.27"
"""Slicer 5.12 brings it."""


def highdicom() -> Any:
    """The package.

    Raises:
        DependencyError: it is not installed, or too old.
    """
    try:
        import highdicom as package
    except ImportError as error:
        raise DependencyError(
            "DICOM segmentations and reports need the package highdicom, which is not installed.",
            "Install it with: pip install highdicom",
            str(error),
        ) from error
    if _release(package.__version__) < _release(OLDEST):
        raise DependencyError(
            f"DICOM segmentations and reports need highdicom {OLDEST} or later, and {package.__version__} is "
            "installed.",
            "Bring it up to date with: pip install --upgrade highdicom",
        )
    return package


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number, of a version before a release ("0.28b1") too."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
