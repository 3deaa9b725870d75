"""Packages that only reports need, asked for in words when they are missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import DependencyError


@contextlib.contextmanager
def needs(package: str, purpose: str) -> Iterator[None]:
    """Around imports of an optional package.

    Args:
        package: its name on PyPI.
        purpose: what cannot be done without it, as the beginning of a sentence ("A preview picture").

    Raises:
        DependencyError: the import fails.
    """
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"{purpose} needs the package {package}, which is not installed.",
            'Install it: pip install "unetsegment[report]".',
            str(error),
        ) from error
