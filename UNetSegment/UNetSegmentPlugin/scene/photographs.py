"""Numbered photographs that Slicer has loaded as one volume, though they may be pictures of different things.

Opening ``eye_003.png`` beside ``eye_001.png`` and ``eye_002.png`` loads all three as slices of a stack.
"""

from pathlib import PurePath

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif"}


def count(volume_node) -> int:
    """How many photographs were loaded together as this volume; 0 when it is something else."""
    storage = volume_node.GetStorageNode() if volume_node is not None else None
    if storage is None:
        return 0
    names = {storage.GetNthFileName(number) for number in range(storage.GetNumberOfFileNames())}
    names = {name for name in (*names, storage.GetFileName()) if name}
    if len(names) < 2 or any(PurePath(name).suffix.lower() not in _SUFFIXES for name in names):
        return 0
    return len(names)
