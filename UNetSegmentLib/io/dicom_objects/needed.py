"""highdicom, which not every installation has."""

from __future__ import annotations

from typing import Any

from ...errors import DependencyError


def highdicom() -> Any:
    """The package.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        import highdicom as package
    except ImportError as error:
        raise DependencyError(
            "DICOM segmentations and reports need the package highdicom, which is not installed.",
            "Install it with: pip install highdicom",
            str(error),
        ) from error
    return package
