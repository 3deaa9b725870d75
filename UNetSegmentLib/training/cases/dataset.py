"""Training data: the cases of a data set in any of the known :mod:`.layouts`, read once and kept prepared.

In the simplest one the folder holds ``images/``, ``labels/`` (same file names) and, if wanted, ``dataset.json`` with
``labels`` (value to name) and ``folds``: lists of case names that are held out together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError, UNetSegmentError
from ...models.card import ModelCard, Preparation
from ...preprocessing import onto_grid, prepare
from ...progress import CancelToken, ProgressCallback, Stage
from ...volume import Segmentation, Volume
from ..layouts.dataset import Dataset
from ..layouts.reading import read_case
from ..layouts.recognition import AUTO, open_layout
from .case import Case
from .labelling import Labelling
from .mapped_cases import MappedCases

_AIMS = 100_000


def open_dataset(folder: str | Path, layout: str = AUTO, folds: int = 0) -> Dataset:
    """Looks through the folder; reads no image.

    Args:
        folder: in any of the layouts of :mod:`.layouts`, or a CSV file.
        layout: which one it is; ``auto`` finds out.
        folds: how many to make where the data set defines none.

    Raises:
        InputError: no such folder, no cases, an image without a label, or a fold that names an unknown case.
    """
    return open_layout(folder, layout).with_folds(folds)


def load_cases(
    data: Dataset,
    names: Sequence[str],
    card: ModelCard,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    labelling: Labelling | None = None,
    store: MappedCases | None = None,
) -> list[Case]:
    """Reads and prepares the named cases; see :func:`load_case`. ``store`` takes what does not fit into memory."""
    stage = Stage("read cases", len(names), progress, cancel)
    cases = []
    for name in names:
        case = load_case(data, name, card, labelling)
        cases.append(case if store is None else store.keep(case))
        stage.step(message=name)
    return cases


def load_case(data: Dataset, name: str, card: ModelCard, labelling: Labelling | None = None) -> Case:
    """Reads and prepares one case.

    Args:
        labelling: what label values mean; None takes the card's output channels.

    Raises:
        InputError: naming the case, when its image or label map cannot be used.
    """
    volume, segmentation = read_pair(data, name)
    try:
        if volume.channels != card.network.in_channels:
            raise InputError(f"The image has {volume.channels} channels, the network takes {card.network.in_channels}.")
        image, label = prepare_pair(volume, segmentation, card.preparation)
        labelling = labelling or Labelling(card.inference.output_values)
        classes = labelling.encode(label)
    except UNetSegmentError as error:
        raise InputError(f"Case {name}: {error.cause}", error.cure, error.detail) from error
    flat = classes.flatten()
    foreground = tuple(_some(torch.nonzero(flat == number).flatten()) for number in range(1, len(labelling.values)))
    return Case(name, image, classes, foreground)


def _some(indices: Tensor) -> Tensor:
    """Evenly chosen ones where there are very many: they serve to aim at, and take eight bytes each."""
    step = -(-indices.numel() // _AIMS)
    return indices[::step].clone() if step > 1 else indices


def read_pair(data: Dataset, name: str) -> tuple[Volume, Segmentation]:
    """The image and the label map of a case, as they are on the disk; see :func:`.layouts.read_case`."""
    return read_case(data, name)


def prepare_pair(volume: Volume, segmentation: Segmentation, preparation: Preparation) -> tuple[Tensor, np.ndarray]:
    """The image as the engine would prepare it, and the label map brought onto the same voxels by nearest neighbour."""
    prepared = prepare(volume, preparation)
    record = prepared.record
    label = np.ascontiguousarray(record.axes.apply(segmentation.voxels)[record.box.slices])
    label = onto_grid(torch.from_numpy(label.astype(np.float32)), record, order=0).numpy().astype(label.dtype)
    return prepared.tensor, label
