"""nnU-Net results made by hand, after its file format: plans, data set and checkpoints with its names for tensors."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

DATASET = "Dataset004_Hippocampus"
FEATURES = (4, 6, 8)


def resampling(order: int = 3) -> dict[str, Any]:
    """The resampling entries that nnU-Net's planner writes."""
    entries: dict[str, Any] = {}
    for what, used in (("data", order), ("seg", 1), ("probabilities", 1)):
        entries[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        kwargs = {"is_seg": what == "seg", "order": used, "order_z": 0, "force_separate_z": None}
        entries[f"resampling_fn_{what}_kwargs"] = kwargs
    return entries


def architecture(dimension: int = 3, kind: str = "PlainConvUNet") -> dict[str, Any]:
    """The network's entry in the plans, three stages."""
    ones, twos, threes = ([n] * dimension for n in (1, 2, 3))
    counts = "n_conv_per_stage" if kind == "PlainConvUNet" else "n_blocks_per_stage"
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
        "arch_kwargs": {
            "n_stages": 3,
            "features_per_stage": list(FEATURES),
            "conv_op": f"torch.nn.modules.conv.Conv{dimension}d",
            "kernel_sizes": [threes, threes, threes],
            "strides": [ones, twos, twos],
            counts: [2, 1, 2],
            "n_conv_per_stage_decoder": [2, 1],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimension}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def configuration(dimension: int = 3, kind: str = "PlainConvUNet") -> dict[str, Any]:
    return {
        "data_identifier": "nnUNetPlans",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16, 24, 16][-dimension:],
        "spacing": [2.0, 1.0, 1.5][-dimension:],
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        **resampling(),
        "architecture": architecture(dimension, kind),
        "batch_dice": False,
    }


def plans(configurations: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset_name": DATASET,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
        "original_median_shape_after_transp": [36, 50, 35],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": configurations,
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(n): {"max": 900.0, "mean": 50.5, "median": 48.0, "min": -80.0, "std": 25.25}
            | {"percentile_00_5": -60.0, "percentile_99_5": 200.0}
            for n in range(2)
        },
    }


def dataset() -> dict[str, Any]:
    return {
        "channel_names": {"0": "MRI"},
        "labels": {"background": 0, "Anterior": 1, "Posterior": 2},
        "numTraining": 260,
        "file_ending": ".nii.gz",
    }


def plain_weights(dimension: int, inputs: int, outputs: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """What ``PlainConvUNet(...).state_dict()`` of :func:`architecture` holds, duplicates and spare heads included."""
    generator = torch.Generator().manual_seed(seed)
    kernel = (3,) * dimension
    state: dict[str, torch.Tensor] = {}

    def put(name: str, *shape: int) -> None:
        state[name] = torch.randn(shape, generator=generator) * 0.2

    def unit(prefix: str, entering: int, leaving: int) -> None:
        put(f"{prefix}.conv.weight", leaving, entering, *kernel)
        for part in ("conv.bias", "norm.weight", "norm.bias"):
            put(f"{prefix}.{part}", leaving)
        for leaf in ("weight", "bias"):
            state[f"{prefix}.all_modules.0.{leaf}"] = state[f"{prefix}.conv.{leaf}"]
            state[f"{prefix}.all_modules.1.{leaf}"] = state[f"{prefix}.norm.{leaf}"]

    entering = inputs
    for stage, (features, count) in enumerate(zip(FEATURES, (2, 1, 2), strict=True)):
        for n in range(count):
            unit(f"encoder.stages.{stage}.0.convs.{n}", entering, features)
            entering = features
    for name in list(state):
        state[f"decoder.{name}"] = state[name]
    for stage, (below, features, count) in enumerate(((8, 6, 2), (6, 4, 1))):
        for n in range(count):
            unit(f"decoder.stages.{stage}.convs.{n}", features if n else 2 * features, features)
        put(f"decoder.transpconvs.{stage}.weight", below, features, *(2,) * dimension)
        put(f"decoder.transpconvs.{stage}.bias", features)
        put(f"decoder.seg_layers.{stage}.weight", outputs, features, *(1,) * dimension)
        put(f"decoder.seg_layers.{stage}.bias", outputs)
    return state


@dataclass
class Results:
    """A results folder; change the values, then :meth:`write`."""

    name: str = "3d_fullres"
    dimension: int = 3
    inputs: int = 1
    outputs: int = 3
    folds: Sequence[int | str] = (0,)
    checkpoint: str = "checkpoint_final.pth"
    trainer: str = "nnUNetTrainer"
    plans: dict[str, Any] = field(default_factory=dict)
    dataset: dict[str, Any] = field(default_factory=dataset)
    mirrored: tuple[int, ...] | None = (0, 1, 2)
    further: dict[str, Any] = field(default_factory=dict)
    prefix: str = ""

    def __post_init__(self) -> None:
        if not self.plans:
            self.plans = plans({self.name: configuration(self.dimension)})
            self.mirrored = tuple(range(self.dimension))

    @property
    def own(self) -> dict[str, Any]:
        """The configuration's entry in the plans."""
        entry: dict[str, Any] = self.plans["configurations"][self.name]
        return entry

    def weights(self, fold: int | str) -> dict[str, torch.Tensor]:
        seed = fold if isinstance(fold, int) else 9
        state = plain_weights(self.dimension, self.inputs, self.outputs, seed)
        return {self.prefix + name: tensor for name, tensor in state.items()}

    def checkpoint_of(self, fold: int | str) -> dict[str, Any]:
        import numpy as np

        return {
            "network_weights": self.weights(fold),
            "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)], "lrs": [0.01]},
            "_best_ema": np.float64(0.8),
            "current_epoch": 1000,
            "init_args": {"configuration": self.name, "fold": fold, "device": torch.device("cpu")},
            "trainer_name": self.trainer,
            "inference_allowed_mirroring_axes": self.mirrored,
            **self.further,
        }

    def write(self, folder: Path) -> Path:
        """The results folder, inside the data set's folder inside ``folder``."""
        target = folder / DATASET / f"{self.trainer}__nnUNetPlans__{self.name}"
        target.mkdir(parents=True, exist_ok=True)
        (target / "plans.json").write_text(json.dumps(self.plans))
        (target / "dataset.json").write_text(json.dumps(self.dataset))
        for fold in self.folds:
            (target / f"fold_{fold}").mkdir(exist_ok=True)
            torch.save(self.checkpoint_of(fold), target / f"fold_{fold}" / self.checkpoint)
        return target


def cascade() -> tuple[Results, Results]:
    """Both stages, with the plans that they share."""
    low = configuration() | {"spacing": [4.0, 2.0, 3.0], "next_stage": "3d_cascade_fullres"}
    shared = plans(
        {
            "3d_lowres": low,
            "3d_fullres": configuration(),
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        }
    )
    first = Results("3d_lowres", plans=shared)
    second = Results("3d_cascade_fullres", plans=copy.deepcopy(shared), inputs=3)
    return first, second
