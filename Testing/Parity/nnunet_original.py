"""nnU-Net's own prediction, file to file, in this process: the answer that ours is held against."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import SimpleITK as sitk
import torch
from nnunet_environment import nnunet

# nnU-Net adds up the tiles' logits in half precision, with weights in half precision. Both can be made float32, without
# another change to its code, to tell its rounding from true differences.
ROUNDINGS = ("half", "float32")


@dataclass(frozen=True, eq=False)
class Answer:
    """What nnU-Net says.

    Attributes:
        labels: (z, y, x) of the file that it wrote.
        logits: float32 (classes, z, y, x) on the image's transposed and cropped grid, resampled by its own function.
        box: of that crop, in the transposed grid.
        transpose: order in which the (oriented) array axes are taken.
    """

    labels: np.ndarray
    logits: np.ndarray
    box: tuple[slice, ...]
    transpose: tuple[int, ...]

    def on_its_grid(self, array: np.ndarray) -> np.ndarray:
        """An array (classes, z, y, x) of the oriented image, transposed and cropped like ``logits``."""
        return array.transpose(0, *(axis + 1 for axis in self.transpose))[(slice(None), *self.box)]


def predict(
    model: Path,
    images: Sequence[Path],
    output: Path,
    rounding: str = "half",
    mirroring: bool = True,
    folds: Sequence[int | str] | None = None,
    previous: Path | None = None,
    checkpoint: str = "checkpoint_final.pth",
) -> Answer:
    """Predicts one case as ``nnUNetv2_predict`` with ``-npp 0 -nps 0`` does.

    Args:
        model: folder with ``plans.json`` and folds.
        images: one per input channel.
        output: folder for the written file.
        rounding: one of ``ROUNDINGS``.
        previous: folder with the segmentation of a cascade's first stage, of the same file name.
    """
    case = images[0].name.removesuffix(".nii.gz").removesuffix("_0000")
    files = _named(case, images, output / "input")
    with contextlib.ExitStack() as stack:
        stack.enter_context(nnunet(output / "unused"))
        stack.enter_context(_rounded(rounding))
        predictor = _predictor(model, mirroring, folds or _folds(model), checkpoint)
        stack.enter_context(_properties_kept(predictor))
        predictor.predict_from_files_sequential(
            [files],
            [str(output / case)],
            folder_with_segs_from_prev_stage=None if previous is None else str(previous),
        )
        labels = sitk.GetArrayFromImage(sitk.ReadImage(output / f"{case}.nii.gz"))
        logits = _restored(predictor)
    box = tuple(slice(low, high) for low, high in predictor.properties["bbox_used_for_cropping"])
    return Answer(labels, logits, box, tuple(predictor.plans_manager.transpose_forward))


def postprocess(labels: np.ndarray, pickled: Path) -> np.ndarray:
    """Applies nnU-Net's postprocessing file to a label map."""
    from batchgenerators.utilities.file_and_folder_operations import load_pickle
    from nnunetv2.postprocessing.remove_connected_components import apply_postprocessing

    functions, arguments = load_pickle(str(pickled))
    return apply_postprocessing(labels, functions, arguments)


def _named(case: str, images: Sequence[Path], folder: Path) -> list[str]:
    """Copies with the channel numbers in their names that nnU-Net counts on."""
    folder.mkdir(parents=True, exist_ok=True)
    return [str(shutil.copy(image, folder / f"{case}_{n:04d}.nii.gz")) for n, image in enumerate(images)]


def _folds(model: Path) -> list[int | str]:
    names = sorted(folder.name.removeprefix("fold_") for folder in model.glob("fold_*"))
    return [int(name) if name.isdigit() else name for name in names]


@functools.cache
def _predictor_class() -> type:
    from nnunetv2.inference import predict_from_raw_data as module

    class Predictor(module.nnUNetPredictor):
        """Keeps what passes by, for the comparison."""

        logits: torch.Tensor
        properties: dict[str, Any]

        def predict_logits_from_preprocessed_data(self, data: torch.Tensor) -> torch.Tensor:
            self.logits = super().predict_logits_from_preprocessed_data(data).clone()
            return self.logits.clone()

    return Predictor


@contextlib.contextmanager
def _properties_kept(predictor: Any) -> Iterator[None]:
    """Where the image lay before it was cropped is known to nobody but the function that writes the result."""
    from nnunetv2.inference import predict_from_raw_data as module

    original = module.export_prediction_from_logits

    def export(logits: Any, properties: dict[str, Any], *rest: Any) -> None:
        predictor.properties = properties
        original(logits, properties, *rest)

    with mock.patch.object(module, "export_prediction_from_logits", export):
        yield


def _predictor(model: Path, mirroring: bool, folds: Sequence[int | str], checkpoint: str) -> Any:
    predictor = _predictor_class()(
        tile_step_size=0.5, use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(str(model), tuple(folds), checkpoint)
    return predictor


def _restored(predictor: Any) -> np.ndarray:
    """The logits resampled by nnU-Net's own function, without the half precision that its result would have."""
    plans, configuration, properties = (
        predictor.plans_manager,
        predictor.configuration_manager,
        predictor.properties,
    )
    own = [properties["spacing"][axis] for axis in plans.transpose_forward]
    spacing = [own[0], *configuration.spacing] if len(configuration.spacing) == 2 else list(configuration.spacing)
    shape = properties["shape_after_cropping_and_before_resampling"]
    return np.asarray(configuration.resampling_fn_probabilities(predictor.logits.float(), shape, spacing, own))


@contextlib.contextmanager
def _rounded(rounding: str) -> Iterator[None]:
    from nnunetv2.inference import predict_from_raw_data as module

    if rounding not in ROUNDINGS:
        raise ValueError(f"unknown rounding {rounding}")
    if rounding == "half":
        yield
        return
    weights = functools.partial(module.compute_gaussian, dtype=torch.float32)
    weights.cache_clear = module.compute_gaussian.cache_clear  # type: ignore[attr-defined]
    with mock.patch.object(torch, "half", torch.float32), mock.patch.object(module, "compute_gaussian", weights):
        yield
