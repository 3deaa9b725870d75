"""Archives that look like nnU-Net's: plans, data set and a checkpoint of a network so small that a test can run it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import torch

FEATURES = (4, 8)


def nnunet_zip(
    labels: Sequence[str],
    winner: int = 1,
    spacing: float = 2.0,
    trainer: str = "nnUNetTrainer",
    dataset: str = "Dataset901_Test",
    configuration: str = "3d_fullres",
    folds: Sequence[str] = ("0",),
    modality: str = "CT",
) -> bytes:
    """A results folder in a zip; the network says ``winner`` everywhere.

    Args:
        labels: names of the labels 1, 2, ...
        winner: the label that it finds in every voxel.
        spacing: mm of the plans, isotropic.
        trainer, dataset, configuration, folds: as in the folder's and the files' names.
        modality: of the only channel.
    """
    plans = _plans(spacing, configuration)
    table = {"background": 0, **{name: n for n, name in enumerate(labels, 1)}}
    about = {"channel_names": {"0": modality}, "labels": table, "numTraining": 3, "file_ending": ".nii.gz"}
    checkpoint = {
        "network_weights": _weights(len(labels) + 1, winner),
        "trainer_name": trainer,
        "init_args": {"configuration": configuration, "fold": 0},
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    weights = io.BytesIO()
    torch.save(checkpoint, weights)
    folder = f"{dataset}/{trainer}__nnUNetPlans__{configuration}"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{folder}/plans.json", json.dumps(plans))
        archive.writestr(f"{folder}/dataset.json", json.dumps(about))
        for fold in folds:
            archive.writestr(f"{folder}/fold_{fold}/checkpoint_final.pth", weights.getvalue())
        archive.writestr(f"{dataset}/.DS_Store", b"\0")
        archive.writestr(f"__MACOSX/{folder}/._plans.json", b"\0")
    return buffer.getvalue()


def _weights(classes: int, winner: int) -> dict[str, torch.Tensor]:
    """A plain U-Net of two stages with one convolution each, in nnU-Net's names; only the head's bias is not zero."""
    low, high = FEATURES

    def unit(prefix: str, inside: int, outside: int) -> dict[str, torch.Tensor]:
        return {
            f"{prefix}.conv.weight": torch.zeros(outside, inside, 3, 3, 3),
            f"{prefix}.conv.bias": torch.zeros(outside),
            f"{prefix}.norm.weight": torch.ones(outside),
            f"{prefix}.norm.bias": torch.zeros(outside),
        }

    bias = torch.zeros(classes)
    bias[winner] = 5.0
    return {
        **unit("encoder.stages.0.0.convs.0", 1, low),
        **unit("encoder.stages.1.0.convs.0", low, high),
        **unit("decoder.stages.0.convs.0", 2 * low, low),
        "decoder.transpconvs.0.weight": torch.zeros(high, low, 2, 2, 2),
        "decoder.transpconvs.0.bias": torch.zeros(low),
        "decoder.seg_layers.0.weight": torch.zeros(classes, low, 1, 1, 1),
        "decoder.seg_layers.0.bias": bias,
    }


def _plans(spacing: float, configuration: str) -> dict[str, Any]:
    """What nnU-Net 2.8 would write for that network."""
    architecture = {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": 2,
            "features_per_stage": list(FEATURES),
            "conv_op": "torch.nn.modules.conv.Conv3d",
            "kernel_sizes": [[3, 3, 3]] * 2,
            "strides": [[1, 1, 1], [2, 2, 2]],
            "n_conv_per_stage": [1, 1],
            "n_conv_per_stage_decoder": [1],
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    resample = "resample_data_or_seg_to_shape"
    own = {
        "data_identifier": f"nnUNetPlans_{configuration}",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": [16, 16, 16],
        "median_image_size_in_voxels": [20.0, 20.0, 20.0],
        "spacing": [spacing] * 3,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": resample,
        "resampling_fn_seg": resample,
        "resampling_fn_probabilities": resample,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
        "architecture": architecture,
        "batch_dice": True,
    }
    intensities = {
        "max": 300.0,
        "mean": 50.0,
        "median": 50.0,
        "min": -200.0,
        "percentile_00_5": -100.0,
        "percentile_99_5": 200.0,
        "std": 30.0,
    }
    return {
        "dataset_name": "Dataset901_Test",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [spacing] * 3,
        "original_median_shape_after_transp": [20, 20, 20],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {configuration: own},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
