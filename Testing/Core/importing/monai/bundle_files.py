"""A small bundle, laid out as the model zoo's are, whose weights need no MONAI."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch

from UNetSegmentLib.models.importing.archive import FolderSource
from UNetSegmentLib.models.importing.monai.bundle import open_bundle
from UNetSegmentLib.models.importing.monai.plan import Plan, plan_bundle
from UNetSegmentLib.networks import build

KEY = {"keys": "@image_key"}
CONFIGURATION: dict[str, Any] = {
    "imports": ["$import glob", "$import os"],
    "bundle_root": ".",
    "image_key": "image",
    "dataset_dir": "/workspace/data",
    "datalist": "$list(sorted(glob.glob(@dataset_dir + '/*.nii.gz')))",
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network_def": {
        "_target_": "UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 3,
        "channels": [4, 8],
        "strides": [2],
        "num_res_units": 1,
        "norm": "batch",
    },
    "network": "$@network_def.to(@device)",
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", **KEY},
            {"_target_": "EnsureChannelFirstd", **KEY},
            {"_target_": "Orientationd", **KEY, "axcodes": "RAS"},
            {"_target_": "Spacingd", **KEY, "pixdim": [1.5, 1.25, 2.0], "mode": "bilinear"},
            {
                "_target_": "ScaleIntensityRanged",
                **KEY,
                "a_min": -57,
                "a_max": 164,
                "b_min": 0,
                "b_max": 1,
                "clip": True,
            },
            {"_target_": "EnsureTyped", **KEY},
        ],
    },
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [32, 48, 16], "sw_batch_size": 4, "overlap": 0.5},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "nearest_interp": False},
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "$os.path.join('a', 'b')"},
        ],
    },
    "checkpointloader": {
        "_target_": "CheckpointLoader",
        "load_path": "$@bundle_root + '/models/model.pt'",
        "load_dict": {"model": "@network"},
    },
    "run": ["$@evaluator.run()"],
}
METADATA: dict[str, Any] = {
    "version": "1.2.3",
    "name": "Two organs",
    "task": "Segmentation of two organs",
    "description": "For tests.",
    "copyright": "Copyright (c) nobody",
    "data_source": "made up",
    "intended_use": "none",
    "references": ["One et al.", "Two et al."],
    "eval_metrics": {"mean_dice": 0.9},
    "network_data_format": {
        "inputs": {"image": {"modality": "CT", "num_channels": 1, "channel_def": {"0": "image"}}},
        "outputs": {"pred": {"num_channels": 3, "channel_def": {"0": "background", "1": "liver", "2": "left_kidney"}}},
    },
}


def configuration(**changed: Any) -> dict[str, Any]:
    """A copy with entries replaced."""
    return {**copy.deepcopy(CONFIGURATION), **changed}


def write_bundle(
    folder: Path, data: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, weights: bool = False
) -> Path:
    """A bundle in ``folder``; its weights are made from our own network, turned back to x, y, z."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "inference.json").write_text(json.dumps(data or CONFIGURATION))
    (folder / "configs" / "metadata.json").write_text(json.dumps(metadata or METADATA))
    (folder / "LICENSE").write_text("Apache License\nVersion 2.0")
    if weights:
        torch.save({"model": their_weights(plan(folder))}, folder / "models" / "model.pt")
    return folder


def plan(folder: Path) -> Plan:
    """What the importer would do."""
    return plan_bundle(open_bundle(FolderSource(folder)))


def their_weights(found: Plan) -> dict[str, torch.Tensor]:
    """Random weights under MONAI's names and with its order of axes."""
    torch.manual_seed(3)
    state = {}
    for name, tensor in build(found.mapped.config).state_dict().items():
        value = tensor.permute(0, 1, 4, 3, 2) if tensor.ndim == 5 else tensor
        state[found.mapped.source(name)] = value.contiguous()
    return state
