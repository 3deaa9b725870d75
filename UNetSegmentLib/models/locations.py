"""Where model packages lie: those that come with UNetSegment, and the user's own."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from ..folders import data_folder, usual_data_folder

_BUNDLED = "bundled"
_MODELS = "models"


def bundled_folder() -> Path:
    """The models that come with UNetSegment: data of this package, wherever and however it is installed."""
    return Path(str(importlib.resources.files(__package__) / _BUNDLED))


def bundled_packages() -> list[Path]:
    """The folders in :func:`bundled_folder`, whole or not; none where the models are missing."""
    folder = bundled_folder()
    return sorted(item for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []


def model_folders(user_folder: Path | None = None) -> list[Path]:
    """Folders that are searched for packages, in order; a name found earlier hides the same name later.

    Args:
        user_folder: in place of the user's own folders.
    """
    own = [user_folder] if user_folder is not None else [user_model_folder(), *earlier_folders()]
    return [bundled_folder(), *own]


def user_model_folder() -> Path:
    """Where a user's own models lie on this system by custom. It need not exist."""
    return data_folder() / _MODELS


def earlier_folders() -> list[Path]:
    """Where the user's models lay before XDG_DATA_HOME moved them; they are still found there."""
    usual = usual_data_folder() / _MODELS
    return [usual] if user_model_folder() == data_folder() / _MODELS != usual else []
