"""Checkpoints by nnU-Net's own trainer: trained for some iterations, or with random weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch


def save_random(
    plans: dict[str, Any],
    configuration: str,
    description: dict[str, Any],
    folds: Sequence[int | str] = (0,),
    mirror_axes: Sequence[int] | None = None,
    seed: int = 0,
) -> Path:
    """Saves checkpoints with random weights, one per fold; returns the model's folder.

    Every parameter is drawn, those too that nnU-Net starts at 0 or 1: a wrongly mapped one shows. The scale keeps
    activations near 1 and the logits a few units apart.
    """
    for fold in folds:
        trainer = _trainer(plans, configuration, description, fold)
        generator = torch.Generator().manual_seed(seed)
        seed += 1
        with torch.no_grad():
            for name, parameter in trainer.network.named_parameters():
                parameter.copy_(_drawn(name, parameter, generator))
        _save(trainer, mirror_axes)
    return Path(trainer.output_folder_base)


def save_trained(
    plans: dict[str, Any],
    configuration: str,
    description: dict[str, Any],
    iterations: int,
    mirror_axes: Sequence[int] | None = None,
) -> Path:
    """Trains a model with nnU-Net's trainer, loss and loader; returns its folder.

    With Adam, batches of two and nothing but crops (its validation loader): what is planned wants a thousand epochs.
    """
    plans = deepcopy(plans)
    plans["configurations"][configuration]["batch_size"] = 2
    _preprocess(plans, configuration, description)
    np.random.seed(1)
    torch.manual_seed(1)
    trainer = _trainer(plans, configuration, description, "all")
    trainer.optimizer = torch.optim.Adam(trainer.network.parameters(), 0.01)
    with mock.patch.dict(os.environ, {"nnUNet_n_proc_DA": "0"}):  # no processes for the augmentation
        _, loader = trainer.get_dataloaders()
    trainer.network.train()
    for _ in range(iterations):
        trainer.train_step(next(loader))
    _save(trainer, mirror_axes)
    return Path(trainer.output_folder_base)


def _trainer(plans: dict[str, Any], configuration: str, description: dict[str, Any], fold: int | str) -> Any:
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2
    from nnunetv2.training.nnUNetTrainer import nnUNetTrainer as module

    plans = {**deepcopy(plans), "continue_training": False}
    trainer = module.nnUNetTrainer(plans, configuration, fold, deepcopy(description), torch.device("cpu"))
    # It looks at the preprocessed files to find their kind; without training there are none.
    with mock.patch.object(module, "infer_dataset_class", return_value=nnUNetDatasetBlosc2):
        trainer.initialize()
    return trainer


def _drawn(name: str, parameter: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(parameter.shape, generator=generator)
    if parameter.ndim == 1:
        return 0.2 * noise + (1.0 if name.endswith("weight") else 0.0)
    fan_in = parameter[0].numel()
    return noise * (2.0 / fan_in) ** 0.5


def _save(trainer: Any, mirror_axes: Sequence[int] | None) -> None:
    from batchgenerators.utilities.file_and_folder_operations import save_json

    trainer.configure_rotation_dummyDA_mirroring_and_inital_patch_size()
    if mirror_axes is not None:
        trainer.inference_allowed_mirroring_axes = tuple(mirror_axes) or None
    folder = Path(trainer.output_folder_base)
    save_json(trainer.my_init_kwargs["plans"], str(folder / "plans.json"), sort_keys=False)
    save_json(trainer.dataset_json, str(folder / "dataset.json"), sort_keys=False)
    trainer.save_checkpoint(str(Path(trainer.output_folder) / "checkpoint_final.pth"))


def _preprocess(plans: dict[str, Any], configuration: str, description: dict[str, Any]) -> None:
    from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(deepcopy(plans))
    settings = manager.get_configuration(configuration)
    raw = Path(str(nnUNet_raw)) / manager.dataset_name
    target = Path(str(nnUNet_preprocessed)) / manager.dataset_name / settings.data_identifier
    target.mkdir(parents=True, exist_ok=True)
    preprocessor = settings.preprocessor_class(verbose=False)
    for mask in sorted((raw / "labelsTr").iterdir()):
        case = mask.name.removesuffix(description["file_ending"])
        images = [str(path) for path in sorted((raw / "imagesTr").glob(f"{case}_*"))]
        preprocessor.run_case_save(str(target / case), images, str(mask), manager, settings, description)
