"""One model through nnU-Net and through our engine: the share of voxels with one label, the distance of the logits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from nnunet_models import Original
from nnunet_original import ROUNDINGS, Answer, postprocess, predict

from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.inference.settings import preset
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.volume import Volume

# Beyond this a float32 probability no longer tells the logit to three digits.
_CERTAIN = 8.0


@dataclass(frozen=True)
class Comparison:
    """One case.

    Attributes:
        model, case: names.
        voxels: of the image.
        same: share of voxels with nnU-Net's label, as nnU-Net is.
        same_float32: with the label of nnU-Net's code when it sums in float32.
        own_rounding: share of voxels that nnU-Net itself labels alike in half precision and in float32.
        logits: largest difference of log-probabilities to nnU-Net in float32; None where they were not compared.
        own_logits: the same between nnU-Net's logits in half precision and in float32.
        labels: different label values in nnU-Net's answer.
        postprocessed: voxels that the postprocessing file changed.
    """

    model: str
    case: str
    voxels: int
    same: float
    same_float32: float
    own_rounding: float
    logits: float | None
    own_logits: float
    labels: int
    postprocessed: int = 0


def compare(name: str, original: Original, folder: Path, backend: str = "torch") -> list[Comparison]:
    """Imports the model into ``folder`` and compares all its cases; logits of the first."""
    package = _main_package(original, import_model(original.source, folder / "packages"))
    settings = preset("exact").with_overrides({"backend": backend})
    segmenter = Segmenter(load_model(package), device="cpu", settings=settings)
    return [
        _compare_case(name, original, case, segmenter, folder / "predictions" / str(n), logits=n == 0)
        for n, case in enumerate(original.cases)
    ]


def _main_package(original: Original, packages: list[Path]) -> Path:
    """A cascade comes as two models; the one of the last stage is meant."""
    if original.previous is None:
        (package,) = packages
        return package
    (package,) = [path for path in packages if "cascade" in path.name]
    return package


def _compare_case(
    name: str, original: Original, case: str, segmenter: Segmenter, folder: Path, logits: bool
) -> Comparison:
    images = original.cases[case]
    volumes = [read_volume(path) for path in images]
    ours = segmenter.segment(volumes).segmentation.voxels
    theirs = {rounding: _nnunet(original, images, folder, rounding) for rounding in ROUNDINGS}
    labels = {rounding: answer.labels for rounding, answer in theirs.items()}
    changed = 0
    if original.postprocessing is not None:
        labels = {rounding: postprocess(voxels, original.postprocessing) for rounding, voxels in labels.items()}
        changed = int((labels["half"] != theirs["half"].labels).sum())
    return Comparison(
        model=name,
        case=case,
        voxels=ours.size,
        same=_share(ours, labels["half"]),
        same_float32=_share(ours, labels["float32"]),
        own_rounding=_share(labels["half"], labels["float32"]),
        logits=_logit_difference(segmenter, volumes, theirs["float32"]) if logits else None,
        own_logits=float(np.abs(theirs["half"].logits - theirs["float32"].logits).max()),
        labels=len(np.unique(labels["half"])),
        postprocessed=changed,
    )


def _nnunet(original: Original, images: tuple[Path, ...], folder: Path, rounding: str) -> Answer:
    first_stage = None
    if original.previous is not None:
        first_stage = folder / f"{rounding} first stage"
        predict(original.previous, images, first_stage, rounding)
    return predict(original.folder, images, folder / rounding, rounding, previous=first_stage)


def _share(ours: np.ndarray, theirs: np.ndarray) -> float:
    assert ours.shape == theirs.shape
    return float((ours == theirs).mean())


def _logit_difference(segmenter: Segmenter, volumes: list[Volume], theirs: Answer) -> float:
    """The largest difference of the logarithms of the odds (regions) or of the probabilities (labels)."""
    card = segmenter.model.card
    found = segmenter.segment(volumes, probabilities=True).probabilities
    assert found is not None
    ours = found.voxels
    if card.preparation.orientation is not None:
        ours = found.geometry.reoriented(card.preparation.orientation)[1].apply(ours)
    probabilities = torch.from_numpy(np.ascontiguousarray(theirs.on_its_grid(ours)))
    logits = torch.from_numpy(theirs.logits)
    if card.inference.activation == "sigmoid":
        sure = logits.abs() > _CERTAIN
        difference = torch.logit(probabilities) - logits
        return float(difference[~sure].abs().max())
    return float((probabilities.log() - logits.log_softmax(dim=0)).abs().max())
