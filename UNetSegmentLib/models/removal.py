"""Removing one of the user's own models."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from ..errors import ModelError, OutputError
from .locations import bundled_folder
from .registry import find_model


def remove_model(name: str, user_folder: Path | None = None) -> Path:
    """Deletes a model from the disk: its whole folder, or its zip.

    Args:
        name: of the model, as lists show it.
        user_folder: in place of the user's own folders.

    Returns:
        What was removed.

    Raises:
        ModelError: there is no such model, or it comes with UNetSegment.
        OutputError: it cannot be deleted; then all of it is still there.
    """
    package = find_model(name, user_folder)
    if package.parent == bundled_folder():
        raise ModelError(f"'{name}' comes with UNetSegment and stays.", "Only models that you added can be removed.")
    doomed = package.with_name(f".{secrets.token_hex(4)}.tmp")
    try:
        # In one step first, so that a file in use leaves the whole model rather than half of it.
        package.replace(doomed)
    except OSError as error:
        raise OutputError(
            f"The model '{name}' could not be removed ({error.strerror}).",
            "Stop the run that uses it, or change the permissions of its folder, and try again.",
            str(error),
        ) from error
    if doomed.is_dir():
        shutil.rmtree(doomed, ignore_errors=True)
    else:
        doomed.unlink(missing_ok=True)
    return package
