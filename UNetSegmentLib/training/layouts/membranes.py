"""The ISBI 2012 challenge (Arganda-Carreras et al. 2015): slices of an electron microscope, membranes and cells."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from . import pairs
from .dataset import Dataset

FOLDS = 5


def read(path: Path) -> Dataset:
    """``images/N.png`` and ``labels/N.png`` with membranes 0 and cells 255; membranes become label 1.

    The slices are neighbours in one block of tissue, so folds are runs of slices: in turn, every held-out slice would
    have its neighbours in the training.

    Raises:
        InputError: a slice without its label map.
    """
    data = pairs.read(path)
    count = min(FOLDS, len(data.cases))
    ends = [round(len(data.cases) * n / count) for n in range(count + 1)]
    folds = tuple(tuple(data.names[a:b]) for a, b in itertools.pairwise(ends)) if count > 1 else ()
    return replace(
        data,
        name="ISBI 2012",
        layout="isbi2012",
        channels=("EM",),
        labels={1: "Membrane"},
        values={0: 1, 255: 0},
        folds=folds,
        modality="Electron microscopy",
        licence="for research",
        reference="Arganda-Carreras et al., Frontiers in Neuroanatomy 2015",
        pixels=True,
    )
