"""Pictures with the strokes of three real people (MedScribble)."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from UNetSegmentLib.refinement import Scribble
from UNetSegmentLib.volume import Volume

from .robot import world

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, -1), (-1, 1))


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, what is to be found in it, boolean (1, y, x), and each person's strokes."""

    name: str
    volume: Volume
    reference: np.ndarray
    strokes: tuple


def pictures(folder):
    """All of them, by name, which begins with the set that they come from."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as arrays:
            name = path.stem.replace("__", " ").removesuffix("_midslice").removesuffix("_maxslice")
            volume = Volume.from_array(arrays["image"][None], name=name)
            drawn = arrays["scribbles"] >= 0.5
            strokes = tuple(_strokes(*person, volume.geometry) for person in drawn)
            yield Picture(name, volume, arrays["reference"][None] > 0, strokes)


def _strokes(include, exclude, geometry):
    """The files hold what was painted, not when: first all that is included, then all that is excluded, each
    connected part as one stroke, from the top of the picture downwards."""
    return (*_parts(include, True, geometry), *_parts(exclude, False, geometry))


def _parts(painted, include, geometry):
    parts, count = ndimage.label(painted, np.ones((3, 3)))
    for part in range(1, count + 1):
        path = _through(np.argwhere(parts == part))
        yield Scribble(world(np.column_stack([np.zeros(len(path)), path]), geometry), include=include)


def _through(pixels):
    """A way from neighbour to neighbour through all pixels (n, 2) of a connected part: by sides where it can, as a step
    across a corner may touch the pixel beside it."""
    left = {tuple(map(int, pixel)) for pixel in pixels}
    path = [tuple(map(int, pixels[0]))]
    left.remove(path[0])
    back = [path[0]]
    while left:
        y, x = back[-1]
        near = [(y + a, x + b) for a, b in _STEPS if (y + a, x + b) in left]
        if near:
            left.remove(near[0])
            back.append(near[0])
        else:
            back.pop()
        path.append(back[-1])
    return np.array(path)
