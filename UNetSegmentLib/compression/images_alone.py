"""Folders of images without label maps. No image is read, and torch is not loaded: the panel asks too."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..io.case_names import are_channels, case_name, is_image_file, joined_channels
from ..training.layouts.files import natural
from ..training.layouts.recognition import open_layout


def images_alone(folder: Path, channels: int) -> dict[str, tuple[Path, ...]]:
    """The image files of each case by its name, in natural order; none where a layout knows the folder or no images
    lie in it.

    Args:
        channels: of the model; of several, files named ``NAME_0000``, ``NAME_0001`` and so on are one case.

    Raises:
        InputError: a case with fewer or more channels.
    """
    if not folder.is_dir() or not any(map(is_image_file, folder.iterdir())) or _has_layout(folder):
        return {}
    files = sorted(filter(is_image_file, folder.iterdir()), key=lambda file: natural(file.name))
    if channels > 1 and are_channels([case_name(file) for file in files], channels):
        return joined_channels(files, channels)
    found: dict[str, list[Path]] = {}
    for file in files:
        found.setdefault(case_name(file), []).append(file)
    return {name: tuple(each) for name, each in found.items()}


def _has_layout(folder: Path) -> bool:
    try:
        open_layout(folder)
    except InputError:
        return False
    return True
