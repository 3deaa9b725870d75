"""Small MONAI bundles with fixed random weights, and what MONAI itself makes of an image with them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class BundleSpec:
    """One bundle.

    Args:
        name: of its folder.
        network: arguments with ``_target_``.
        intensity: transforms between resampling and the network.
        pixdim: x, y, z mm; None for no resampling.
        inferer: arguments with ``_target_``.
        post: transforms behind the network; ``INVERT`` or ``INVERT_NEAREST`` in their midst.
        orientation: axis codes, or None.
    """

    name: str
    network: dict[str, Any]
    intensity: tuple[dict[str, Any], ...]
    inferer: dict[str, Any]
    post: tuple[dict[str, Any], ...]
    pixdim: tuple[float, float, float] | None = None
    orientation: str | None = "RAS"
    checkpoint_key: str | None = None
    seed: int = 11
    modality: str = "CT"


def transform(target: str, keys: str = "@image_key", **arguments: Any) -> dict[str, Any]:
    """A dictionary transform."""
    return {"_target_": target, "keys": keys, **arguments}


SOFTMAX = transform("Activationsd", "pred", softmax=True)
SIGMOID = transform("Activationsd", "pred", sigmoid=True)
ARGMAX = transform("AsDiscreted", "pred", argmax=True)
THRESHOLD = transform("AsDiscreted", "pred", threshold=0.5)
INVERT = transform("Invertd", "pred", transform="@preprocessing", orig_keys="@image_key", nearest_interp=False)
INVERT_NEAREST = {**INVERT, "nearest_interp": True}


def write_bundle(spec: BundleSpec, parent: Path) -> Path:
    """The bundle's folder, with weights of the given seed."""
    folder = parent / spec.name
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    configuration = _configuration(spec)
    (folder / "configs" / "inference.json").write_text(json.dumps(configuration, indent=2))
    (folder / "configs" / "metadata.json").write_text(json.dumps(_metadata(spec), indent=2))
    (folder / "LICENSE").write_text("Apache License\nVersion 2.0, January 2004\n")
    torch.manual_seed(spec.seed)
    network = _parser(folder).get_parsed_content("network_def")
    _spread(network)
    state = network.state_dict()
    torch.save({spec.checkpoint_key: state} if spec.checkpoint_key else state, folder / "models" / "model.pt")
    return folder


@dataclass(frozen=True, eq=False)
class Original:
    """What MONAI makes of an image; arrays in our order of axes (..., z, y, x).

    Attributes:
        prepared: the network's input.
        logits: the network's output over the whole prepared image.
        shares: what stands in ``pred`` before it is made discrete.
        result: what stands in ``pred`` at the end.
    """

    prepared: np.ndarray
    logits: np.ndarray
    shares: np.ndarray
    result: np.ndarray


def run_original(folder: Path, image: Path | list[Path]) -> Original:
    """Runs the bundle's own configuration with MONAI's parser, transforms, network and inferer."""
    parser = _parser(folder)
    network = parser.get_parsed_content("network_def").eval()
    state = torch.load(folder / "models" / "model.pt", weights_only=True)
    network.load_state_dict(state.get("model", state))
    given = str(image) if isinstance(image, Path) else [str(path) for path in image]
    data = parser.get_parsed_content("preprocessing")({"image": given})
    prepared = np.asarray(data["image"]).copy()
    with torch.inference_mode():
        logits = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    kept = np.asarray(logits).copy()
    item, shares = {**data, "pred": logits}, kept
    for step in parser.get_parsed_content("postprocessing").transforms:
        if type(step).__name__ == "AsDiscreted":
            shares = np.asarray(item["pred"]).copy()
        item = step(item)
    return Original(*(_turned(np.asarray(array)) for array in (prepared, kept, shares, item["pred"])))


def _turned(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 3, 2, 1))


def _parser(folder: Path) -> Any:
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "inference.json"))
    parser.read_meta(str(folder / "configs" / "metadata.json"))
    parser["bundle_root"] = str(folder)
    parser["device"] = "$torch.device('cpu')"
    return parser


def _configuration(spec: BundleSpec) -> dict[str, Any]:
    """Laid out as the model zoo's are, with the parts that an importer must pass over."""
    before = [transform("LoadImaged"), transform("EnsureChannelFirstd")]
    if spec.orientation:
        before.append(transform("Orientationd", axcodes=spec.orientation))
    if spec.pixdim:
        before.append(transform("Spacingd", pixdim=list(spec.pixdim), mode="bilinear"))
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "image_key": "image",
        "output_dir": "$@bundle_root + '/eval'",
        "dataset_dir": "/workspace/data",
        "datalist": "$list(sorted(glob.glob(@dataset_dir + '/*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": spec.network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [*before, *spec.intensity, transform("EnsureTyped")],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': i} for i in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
        "inferer": spec.inferer,
        "postprocessing": {"_target_": "Compose", "transforms": list(spec.post)},
        "handlers": [{"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "checkpointloader": {
            "_target_": "CheckpointLoader",
            "load_path": "$@bundle_root + '/models/model.pt'",
            "load_dict": {"model": "@network"},
        },
        "run": ["$@checkpointloader(@evaluator)", "$@evaluator.run()"],
    }


def _metadata(spec: BundleSpec) -> dict[str, Any]:
    inputs, outputs = spec.network["in_channels"], spec.network["out_channels"]
    exclusive = SIGMOID not in spec.post
    names = {str(n): "background" if exclusive and n == 0 else f"structure {n}" for n in range(outputs)}
    return {
        "version": "0.1.0",
        "name": spec.name,
        "task": "test",
        "description": "A network of random weights.",
        "copyright": "nobody",
        "references": ["a reference"],
        "network_data_format": {
            "inputs": {
                "image": {
                    "modality": spec.modality,
                    "num_channels": inputs,
                    "channel_def": {str(n): f"channel {n}" for n in range(inputs)},
                }
            },
            "outputs": {"pred": {"num_channels": outputs, "channel_def": names}},
        },
    }


def _spread(network: torch.nn.Module) -> None:
    """Running statistics and slopes that a forgotten tensor would show in, and no label that wins everywhere."""
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.7, 1.5)
        elif name.endswith("running_mean"):
            tensor.normal_(0.0, 0.1)
        elif tensor.is_floating_point() and tensor.ndim == 1 and name.endswith("weight"):
            tensor.uniform_(0.8, 1.2) if tensor.numel() > 1 else tensor.uniform_(0.1, 0.4)


@dataclass(frozen=True)
class Case:
    """A bundle and an image of the shared data that it is run on."""

    spec: BundleSpec
    image: str
    tolerance: float = field(default=1e-3)


_WINDOW = (transform("ScaleIntensityRanged", a_min=-57, a_max=164, b_min=0.0, b_max=1.0, clip=True),)
_UNET = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [8, 16, 32],
    "strides": [2, 2],
    "num_res_units": 2,
    "norm": "batch",
}
_DYNUNET = {
    "_target_": "monai.networks.nets.DynUNet",
    "spatial_dims": "$len(@inferer#roi_size)",
    "in_channels": 1,
    "out_channels": 4,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, [2, 2, 1]],
    "upsample_kernel_size": [2, [2, 2, 1]],
    "filters": [8, 16, 24],
    "norm_name": "instance",
    "res_block": True,
}
_SEGRESNET = {
    "_target_": "SegResNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 20,
    "init_filters": 8,
    "blocks_down": [1, 2, 2],
    "blocks_up": [1, 1],
    "dropout_prob": 0.2,
}
_BASIC = {"_target_": "BasicUNet", "in_channels": 1, "out_channels": 3, "features": [4, 4, 8, 8, 12, 4]}
_ATTENTION = {
    "_target_": "AttentionUnet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [8, 12, 16],
    "strides": [2, 2],
}


def _windows(size: list[int], overlap: float, **arguments: Any) -> dict[str, Any]:
    return {"_target_": "SlidingWindowInferer", "roi_size": size, "sw_batch_size": 4, "overlap": overlap, **arguments}


def spleen_like(pixdim: tuple[float, float, float], size: list[int]) -> BundleSpec:
    """As the zoo's spleen bundle: window, probabilities interpolated back, flat blending."""
    post = (SOFTMAX, INVERT, ARGMAX)
    # Both labels are common with this seed.
    return BundleSpec("spleen_like", _UNET, _WINDOW, _windows(size, 0.5), post, pixdim, checkpoint_key="model", seed=2)


def abdominal_like(pixdim: tuple[float, float, float], size: list[int]) -> BundleSpec:
    """A residual DynUNet with Gaussian blending; logits are interpolated back."""
    inferer = _windows(size, 0.625, mode="gaussian")
    intensity = (transform("NormalizeIntensityd", channel_wise=True),)
    return BundleSpec("abdominal_like", _DYNUNET, intensity, inferer, (INVERT, SOFTMAX, ARGMAX), pixdim)


def pediatric_like(pixdim: tuple[float, float, float], size: list[int]) -> BundleSpec:
    """As the zoo's pediatric bundle: cropped to the foreground behind the window."""
    window = transform("ScaleIntensityRanged", a_min=-250, a_max=400, b_min=0, b_max=1, clip=True)
    crop = transform("CropForegroundd", source_key="@image_key", mode=["minimum"])
    post = (SOFTMAX, INVERT, ARGMAX)
    return BundleSpec("pediatric_like", _DYNUNET, (window, crop), _windows(size, 0.75), post, pixdim)


def body_like(pixdim: tuple[float, float, float], size: list[int], nonzero: bool = True) -> BundleSpec:
    """As the zoo's whole-body bundle: two normalisations, Gaussian blending, labels to the nearest voxel."""
    steps = (transform("NormalizeIntensityd", nonzero=nonzero), transform("ScaleIntensityd", minv=-1.0, maxv=1.0))
    inferer = _windows(size, 0.25, mode="gaussian", padding_mode="replicate")
    return BundleSpec("body_like", _SEGRESNET, steps, inferer, (SOFTMAX, ARGMAX, INVERT_NEAREST), pixdim)


def tumour_like() -> BundleSpec:
    """As the zoo's brain tumour bundle: four channels, overlapping regions merged by a function, no resampling."""
    merge = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"
    network = {**_SEGRESNET, "in_channels": 4, "out_channels": 3}
    post = (SIGMOID, INVERT, THRESHOLD, transform("Lambdad", "pred", func=merge))
    intensity = (transform("NormalizeIntensityd", nonzero=True, channel_wise=True),)
    return BundleSpec(
        "tumour_like", network, intensity, _windows([32, 40, 24], 0.5), post, orientation=None, modality="MR"
    )


def slices_like() -> BundleSpec:
    """As the zoo's cardiac bundle: a 2D network on slices, nothing resampled."""
    network = {**_UNET, "spatial_dims": 2, "out_channels": 4, "norm": "instance"}
    inferer = {"_target_": "SliceInferer", "roi_size": [48, 64], "spatial_dim": 2, "overlap": 0.25}
    intensity = (transform("ScaleIntensityd"),)
    return BundleSpec("slices_like", network, intensity, inferer, (SOFTMAX, INVERT, ARGMAX), orientation=None)


def basic_like(pixdim: tuple[float, float, float]) -> BundleSpec:
    """A basic U-Net behind percentiles; its largest component is kept."""
    intensity = (transform("ScaleIntensityRangePercentilesd", lower=1, upper=99, b_min=0, b_max=1, clip=True),)
    post = (SOFTMAX, INVERT, ARGMAX, transform("KeepLargestConnectedComponentd", "pred", applied_labels=[1, 2]))
    return BundleSpec("basic_like", _BASIC, intensity, _windows([32, 48, 32], 0.5), post, pixdim, modality="MR")


def attention_like(pixdim: tuple[float, float, float]) -> BundleSpec:
    """A gated U-Net in another orientation."""
    intensity = (transform("ScaleIntensityd", minv=0, maxv=1), transform("NormalizeIntensityd"))
    inferer = _windows([32, 32, 32], 0.5, mode="gaussian")
    return BundleSpec(
        "attention_like", _ATTENTION, intensity, inferer, (SOFTMAX, ARGMAX, INVERT_NEAREST), pixdim, "LPI"
    )
