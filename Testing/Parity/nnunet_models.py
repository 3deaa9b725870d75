"""The models that our engine is held against, each made by nnU-Net's own planner, networks and trainer in seconds.

Every maker takes an empty folder and the folder of real images, and returns an :class:`Original`. The same call makes
the same model.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nnunet_datasets as datasets
import SimpleITK as sitk
from nnunet_environment import nnunet
from nnunet_planning import as_old_plans, plan
from nnunet_training import save_random, save_trained


@dataclass(frozen=True)
class Original:
    """A model of nnU-Net and the cases to try it on.

    Attributes:
        what: one line for the table.
        folder: of the model (``plans.json``, ``fold_k``).
        source: what is given to the importer: the same folder, or one that holds both stages of a cascade.
        cases: name -> one file per input channel.
        previous: folder of the first stage of a cascade.
        trained: whether it has seen data; else its weights are random.
        postprocessing: nnU-Net's file of clean-ups, where the model has one.
    """

    what: str
    folder: Path
    source: Path
    cases: dict[str, tuple[Path, ...]]
    previous: Path | None = None
    trained: bool = False
    postprocessing: Path | None = None


Maker = Callable[[Path, Path], Original]
MAKERS: dict[str, Maker] = {}


def maker(function: Maker) -> Maker:
    """Adds a maker to the list, under its name."""
    MAKERS[function.__name__] = function
    return function


def make(name: str, root: Path, data: Path) -> Original:
    """Makes one model in a folder of its own under ``root``."""
    with nnunet(root / name) as own:
        return MAKERS[name](own, data)


@maker
def trained(root: Path, data: Path) -> Original:
    """Trained for a while, so that its labels are like those of a real model; with a postprocessing file."""
    dataset = datasets.hippocampus(root, data, cases=12)
    folder = save_trained(plan(dataset, features=4), "3d_fullres", _description(root, dataset), iterations=60)
    pickled = _save_postprocessing(folder)
    cases = _hippocampus_cases(data, 2)
    return Original("3d_fullres PlainConvUNet, trained, postprocessing", folder, folder, cases, None, True, pickled)


@maker
def trained_torso(root: Path, data: Path) -> Original:
    """Trained too, on an image of many tiles."""
    dataset = datasets.torso(root, data)
    plans = plan(dataset, features=4, memory_gb=0.03, spacing=(3.5, 3.5, 3.5))
    folder = save_trained(plans, "3d_fullres", _description(root, dataset), iterations=40, mirror_axes=())
    return Original("3d_fullres PlainConvUNet, trained, tiles", folder, folder, _torso_cases(data), trained=True)


@maker
def folds(root: Path, data: Path) -> Original:
    dataset = datasets.hippocampus(root, data)
    folder = save_random(plan(dataset), "3d_fullres", _description(root, dataset), (0, 2), mirror_axes=(0, 2))
    return _original("3d_fullres PlainConvUNet, 2 folds, mirrors 0 and 2", folder, _hippocampus_cases(data, 2))


@maker
def flat(root: Path, data: Path) -> Original:
    dataset = datasets.hippocampus(root, data)
    folder = save_random(plan(dataset), "2d", _description(root, dataset))
    return _original("2d PlainConvUNet", folder, _hippocampus_cases(data, 2))


@maker
def residual(root: Path, data: Path) -> Original:
    dataset = datasets.hippocampus(root, data)
    folder = save_random(plan(dataset, residual=True), "3d_fullres", _description(root, dataset))
    return _original("3d_fullres ResidualEncoderUNet", folder, _hippocampus_cases(data, 2))


@maker
def old_plans(root: Path, data: Path) -> Original:
    dataset = datasets.hippocampus(root, data)
    plans = as_old_plans(plan(dataset))
    folder = save_random(plans, "3d_fullres", _description(root, dataset), mirror_axes=(1,))
    (folder / "plans.json").write_text(json.dumps(plans))  # the trainer has turned its own copy into new ones
    return _original("3d_fullres PlainConvUNet, old plans", folder, _hippocampus_cases(data, 2))


@maker
def ignore_label(root: Path, data: Path) -> Original:
    labels = {"background": 0, "Anterior": 1, "ignore": 2}
    dataset = datasets.hippocampus(root, data, labels=labels)
    folder = save_random(plan(dataset), "3d_fullres", _description(root, dataset), mirror_axes=())
    return _original("3d_fullres PlainConvUNet, ignore label, no mirrors", folder, _hippocampus_cases(data, 2))


@maker
def regions(root: Path, data: Path) -> Original:
    dataset = datasets.two_channels(root, data)
    folder = save_random(plan(dataset, residual=True), "3d_fullres", _description(root, dataset))
    return _original("3d_fullres ResidualEncoderUNet, 2 channels, regions, mask", folder, _pairs(root, data))


@maker
def flat_regions(root: Path, data: Path) -> Original:
    dataset = datasets.two_channels(root, data)
    folder = save_random(plan(dataset), "2d", _description(root, dataset), mirror_axes=(1,))
    return _original("2d PlainConvUNet, 2 channels, regions, mask", folder, _pairs(root, data))


@maker
def thick(root: Path, data: Path) -> Original:
    dataset = datasets.thick_head(root, data)
    plans = plan(dataset, memory_gb=0.6)
    folder = save_random(plans, "3d_fullres", _description(root, dataset), mirror_axes=(2,))
    return _original("3d_fullres PlainConvUNet, anisotropic, transposed", folder, _head_cases(root, data))


@maker
def flat_thick(root: Path, data: Path) -> Original:
    dataset = datasets.thick_head(root, data)
    folder = save_random(plan(dataset, residual=True), "2d", _description(root, dataset), mirror_axes=())
    return _original("2d ResidualEncoderUNet, anisotropic, transposed", folder, _head_cases(root, data))


@maker
def torso(root: Path, data: Path) -> Original:
    dataset = datasets.torso(root, data)
    plans = plan(dataset, memory_gb=0.3, spacing=(4.0, 3.5, 3.5))
    folder = save_random(plans, "3d_fullres", _description(root, dataset), mirror_axes=(2,))
    return _original("3d_fullres PlainConvUNet, CT, tiles", folder, _torso_cases(data))


@maker
def reoriented(root: Path, data: Path) -> Original:
    dataset = datasets.torso(root, data, reader="NibabelIOWithReorient")
    plans = plan(dataset, residual=True, memory_gb=0.3)
    folder = save_random(plans, "3d_fullres", _description(root, dataset), mirror_axes=())
    cases = {**_torso_cases(data), "ct_oblique": (data / "ct" / "ct_oblique.nii.gz",)}
    return _original("3d_fullres ResidualEncoderUNet, NibabelIOWithReorient", folder, cases)


@maker
def lowres(root: Path, data: Path) -> Original:
    folder = _cascade(root, data)[0]
    return _original("3d_lowres PlainConvUNet", folder, _torso_cases(data))


@maker
def cascade(root: Path, data: Path) -> Original:
    low, full = _cascade(root, data)
    image = sitk.ReadImage(data / "ct" / "ct_torso_3mm.nii.gz")[:, :, 40:90]
    cases = {"ct_torso_3mm, 50 slices": _written(root, "torso", [image])}
    return Original("3d_lowres + 3d_cascade_fullres PlainConvUNet", full, low.parent, cases, low)


def _cascade(root: Path, data: Path) -> tuple[Path, Path]:
    dataset = datasets.torso(root, data)
    plans = plan(dataset, features=4, memory_gb=0.03)
    description = _description(root, dataset)
    low = save_random(plans, "3d_lowres", description, mirror_axes=())
    return low, save_random(plans, "3d_cascade_fullres", description, mirror_axes=(), seed=7)


def _original(what: str, folder: Path, cases: dict[str, tuple[Path, ...]]) -> Original:
    return Original(what, folder, folder, cases)


def _description(root: Path, dataset: str) -> dict[str, Any]:
    return json.loads((root / "raw" / dataset / "dataset.json").read_text())


def _hippocampus_cases(data: Path, count: int) -> dict[str, tuple[Path, ...]]:
    """Images that no model is planned or trained on."""
    images = datasets.hippocampus_images(data)[20 : 20 + count]
    return {path.name.removesuffix(".nii.gz"): (path,) for path in images}


def _pairs(root: Path, data: Path) -> dict[str, tuple[Path, ...]]:
    cases = {}
    for name, (path,) in _hippocampus_cases(data, 2).items():
        pair = datasets.framed_pair(sitk.ReadImage(path))
        cases[name] = _written(root, name, pair)
    return cases


def _head_cases(root: Path, data: Path) -> dict[str, tuple[Path, ...]]:
    oblique = data / "ct" / "ct_oblique.nii.gz"
    thick_image = datasets.thicken(sitk.ReadImage(oblique)[:, 40:230, 4:], 5)
    return {"ct_oblique": (oblique,), "ct_oblique, 5 thick": _written(root, "oblique_thick", [thick_image])}


def _torso_cases(data: Path) -> dict[str, tuple[Path, ...]]:
    return {"ct_torso_3mm": (data / "ct" / "ct_torso_3mm.nii.gz",)}


def _written(root: Path, name: str, images: Sequence[sitk.Image]) -> tuple[Path, ...]:
    folder = root / "cases"
    folder.mkdir(exist_ok=True)
    paths = tuple(folder / f"{name}_{n:04d}.nii.gz" for n in range(len(images)))
    for image, path in zip(images, paths, strict=True):
        sitk.WriteImage(image, path)
    return paths


def _save_postprocessing(folder: Path) -> Path:
    """The file of clean-ups where nnU-Net's search for the best one puts it, with its own function in it."""
    from batchgenerators.utilities.file_and_folder_operations import save_pickle
    from nnunetv2.postprocessing.remove_connected_components import (
        remove_all_but_largest_component_from_segmentation as keep_largest,
    )

    path = folder / "crossval_results_folds_all" / "postprocessing.pkl"
    path.parent.mkdir()
    save_pickle(([keep_largest, keep_largest], [{"labels_or_regions": [1, 2]}, {"labels_or_regions": 2}]), str(path))
    return path
