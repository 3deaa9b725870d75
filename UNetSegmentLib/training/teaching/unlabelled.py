"""Cases without labels: images that a teacher alone judges."""

from __future__ import annotations

from pathlib import Path

import torch

from ...errors import InputError, UNetSegmentError
from ...io.case_names import are_channels, case_name, joined_channels
from ...io.guarded import read_volume
from ...models.card import ModelCard
from ...preprocessing import prepare
from ...progress import CancelToken, ProgressCallback, Stage
from ...volume import stack_channels
from ..cases.case import Case
from ..cases.labelling import Labelling
from ..cases.mapped_cases import MappedCases
from ..layouts.files import image_files, natural

_SUBFOLDERS = ("images", "imagesTr", "imagesTs")


def find_unlabelled(folder: str | Path, channels: int) -> dict[str, tuple[Path, ...]]:
    """The images of a folder (or of ``images/``, ``imagesTr/``, ``imagesTs/`` in it) by the names of their cases.

    Files named ``NAME_0000``, ``NAME_0001`` and so on are the channels of one case, see
    :func:`~UNetSegmentLib.io.case_names.are_channels`; otherwise each file is a case.

    Raises:
        InputError: no such folder, no images in it, or a case with fewer or more channels.
    """
    folder = Path(folder)
    inner = [folder / name for name in _SUBFOLDERS if (folder / name).is_dir()]
    files = [file for place in inner or [folder] for file in image_files(place)]
    if not files:
        raise InputError(f"There are no images in {folder}.", "Give a folder of images, or leave unlabelled cases out.")
    if not are_channels([case_name(file) for file in files], channels):
        return {case_name(file): (file,) for file in files}
    found = joined_channels(files, channels)
    return {name: found[name] for name in sorted(found, key=natural)}


def load_unlabelled(
    folder: str | Path,
    card: ModelCard,
    labelling: Labelling,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
    store: MappedCases | None = None,
) -> list[Case]:
    """Reads and prepares the images of a folder; every voxel has the class that no label judges.

    Args:
        labelling: with an ignored value.
        store: takes what does not fit into memory.

    Raises:
        InputError: naming the case, when its image cannot be used.
    """
    assert labelling.ignored is not None
    found = find_unlabelled(folder, card.network.in_channels)
    stage = Stage("read unlabelled images", len(found), progress, cancel)
    cases = []
    for name, files in found.items():
        case = _load(name, files, card, labelling)
        cases.append(case if store is None else store.keep(case))
        stage.step(message=name)
    return cases


def _load(name: str, files: tuple[Path, ...], card: ModelCard, labelling: Labelling) -> Case:
    try:
        volume = stack_channels([read_volume(file, further_as_channels=True) for file in files])
        if volume.channels != card.network.in_channels:
            raise InputError(f"The image has {volume.channels} channels, the network takes {card.network.in_channels}.")
        image = prepare(volume, card.preparation).tensor
    except UNetSegmentError as error:
        raise InputError(f"Case {name} (without labels): {error.cause}", error.cure, error.detail) from error
    label = torch.full(image.shape[1:], labelling.classes - 1, dtype=torch.uint8)
    return Case(f"{name} (without labels)", image, label, (), labelled=False)
