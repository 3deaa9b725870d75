"""Edits and labels as messages carry them, and back."""

from __future__ import annotations

import base64
import binascii
import zlib
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...geometry import Box
from ...refinement import BoxPrompt, Change, Edit, Lasso, Point, Prompt, Scribble, Strokes
from ...refinement.checks import label_values
from ..exchange.mapped import discard, read_array, write_array
from ..protocol.arrays import BoxLabels, BoxMask
from ..protocol.refine_messages import Drawn, Refined, RefineEdit

INLINE = 1 << 20
"""Bytes of labels that travel within the line; more of them go by file."""
# A few packed bytes may claim to be any number of labels.
_MOST_INLINE = 64 * INLINE
_DTYPES = ("|u1", "<u2", ">u2")


def drawn_of(prompt: Prompt) -> Drawn:
    """A prompt as data."""
    if isinstance(prompt, Point):
        return Drawn("point", (prompt.position,), prompt.include, prompt.segment)
    if isinstance(prompt, Scribble):
        return Drawn("scribble", prompt.points, prompt.include, prompt.segment, float(prompt.radius))
    if isinstance(prompt, Lasso):
        return Drawn("lasso", prompt.points, prompt.include, prompt.segment)
    return Drawn("box", (prompt.center,), prompt.include, prompt.segment, size=prompt.size, axes=prompt.axes)


def prompt_of(drawn: Drawn) -> Prompt:
    """The way back. Raises InputError for what is no prompt."""
    if drawn.shape == "point":
        return Point(drawn.points[0], drawn.include, drawn.segment)
    if drawn.shape == "scribble":
        return Scribble(drawn.points, drawn.include, drawn.segment, drawn.radius)
    if drawn.shape == "lasso":
        return Lasso(drawn.points, drawn.include, drawn.segment)
    assert drawn.size is not None
    return BoxPrompt(drawn.points[0], drawn.size, drawn.include, drawn.segment, drawn.axes)


def edit_of(message: RefineEdit) -> Edit:
    """The edit that a message carries. Raises InputError for what is none."""
    if message.drawn is not None:
        return prompt_of(message.drawn)
    assert message.painted is not None
    where = None if message.where is None else unpacked_mask(message.where)
    return Strokes(message.painted.box, unpacked(message.painted), where)


def own_edit(edit: Edit) -> Edit:
    """The edit with arrays of its own, in types that travel: the caller's may change before they are needed again.

    Raises:
        InputError: strokes of numbers that are no labels, or of another shape than their box.
    """
    if not isinstance(edit, Strokes):
        return edit
    labels = label_values(np.array(edit.labels), "What was painted")
    painted = None if edit.painted is None else np.array(edit.painted, bool)
    if labels.shape != edit.box.shape or (painted is not None and painted.shape != edit.box.shape):
        raise InputError("Painted labels do not fit their box.", "Give as many as the box has voxels.")
    return Strokes(edit.box, labels, painted)


def is_small(labels: np.ndarray) -> bool:
    """Whether labels travel within a line."""
    return labels.nbytes <= INLINE


def packed(box: Box, labels: np.ndarray, path: str = "") -> BoxLabels:
    """Labels of a box for a message.

    Args:
        path: of an empty file that somebody holds, which takes what is not small.

    Raises:
        OutputError: the file cannot be written.
    """
    if path and not is_small(labels):
        return BoxLabels(box, labels.dtype.str, file=write_array(labels, Path(path), held=True))
    return BoxLabels(box, labels.dtype.str, _text(np.ascontiguousarray(labels).tobytes()))


def unpacked(message: BoxLabels) -> np.ndarray:
    """The labels of a message, shape of its box; a file is removed.

    Raises:
        InputError: they do not fit the box, or cannot be read.
    """
    shape = _shape(message.box)
    dtype = message.dtype if message.file is None else message.file.dtype
    if dtype not in _DTYPES:
        raise InputError(f"'{dtype[:40]}' is no type of labels.", "Send uint8 or uint16.")
    if message.file is not None:
        if message.file.shape != shape:
            raise InputError(f"Labels of shape {message.file.shape} do not fit a box of {shape}.")
        labels = np.array(read_array(message.file))
        discard(message.file)
        return labels
    expected = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
    return np.frombuffer(_raw(message.packed, expected), dtype).reshape(shape).copy()


def packed_mask(box: Box, mask: np.ndarray) -> BoxMask:
    """A boolean array of the box's shape for a message."""
    return BoxMask(box, _text(np.packbits(mask).tobytes()))


def unpacked_mask(message: BoxMask) -> np.ndarray:
    """The mask of a message, boolean, shape of its box. Raises InputError when it does not fit the box."""
    shape = _shape(message.box)
    count = int(np.prod(shape, dtype=object))
    bits = np.frombuffer(_raw(message.packed, (count + 7) // 8), np.uint8)
    return np.unpackbits(bits, count=count).astype(bool).reshape(shape)


def change_of(message: Refined) -> Change:
    """An answer as a change. Raises InputError when its labels cannot be read."""
    return Change(message.labels.box, unpacked(message.labels), message.voxels, message.reach, message.notes)


def _shape(box: Box) -> tuple[int, int, int]:
    if min(*box.start, *np.subtract(box.stop, box.start)) < 0:
        raise InputError(f"{box.start} to {box.stop} is no box of an image.")
    return box.shape


def _text(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 1)).decode("ascii") if raw else ""


def _raw(text: str, expected: int) -> bytes:
    if expected > _MOST_INLINE:
        raise InputError(f"A line cannot carry {expected} bytes of voxels.", "Send them by file.")
    if not expected:
        return b""
    try:
        unzip = zlib.decompressobj()
        raw = unzip.decompress(base64.b64decode(text, validate=True), expected + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InputError("The voxels of a message cannot be unpacked.", detail=repr(error)) from error
    if len(raw) != expected:
        raise InputError("The voxels of a message do not fill their box.")
    return raw
