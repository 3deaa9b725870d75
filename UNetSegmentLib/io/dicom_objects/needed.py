"""highdicom, which not every installation has."""

from __future__ import annotations

from typing import Any

from ...errors import DependencyError

_OLDEST = (0, 27)  # Slicer 5.12 brings it


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
    if tuple(int(part) for part in package.__version__.split(".")[:2]) < _OLDEST:
        raise DependencyError(
            f"DICOM segmentations and reports need highdicom 0.27 or later, and {package.__version__} is installed.",
            "Bring it up to date with: pip install --upgrade highdicom",
        )
    return package
