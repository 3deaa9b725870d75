"""Makes nnU-Net results whose answer is known: run by the worker's Python, which has torch.

Networks of nnU-Net's plain kind, set by hand: they smooth the image over 3 x 3 x 3 voxels and cut the CT number into
bands. ``python nnunet_model.py FOLDER`` writes two data sets with the file and tensor names of nnU-Net:
``Dataset901_Tissues`` (fat, soft tissue, bone) and ``Dataset902_Bands`` (117 classes).
"""

import json
import sys
from pathlib import Path

TISSUES = {"fat": -150.0, "soft tissue": -30.0, "bone": 160.0}
BANDS = {f"band {n:03d}": -200.0 + 10.0 * (n - 1) for n in range(1, 118)}
SPACING = (3.0, 3.0, 3.0)
PATCH = (64, 64, 64)
# Percentiles, mean and deviation of the CT numbers that the plans tell.
LOW, HIGH, MEAN, DEVIATION = -1000.0, 1500.0, 50.0, 250.0
FEATURES = 2


def main(folder: str) -> None:
    write(Path(folder) / "Dataset901_Tissues", TISSUES)
    write(Path(folder) / "Dataset902_Bands", BANDS)


def write(dataset: Path, lower_ends: dict[str, float]) -> Path:
    """A results folder for a single fold; each label begins at its CT number and ends where the next one begins."""
    import torch

    target = dataset / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    (target / "fold_0").mkdir(parents=True)
    labels = {"background": 0, **{name: n for n, name in enumerate(lower_ends, 1)}}
    described = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz"}
    (target / "dataset.json").write_text(json.dumps(described), encoding="utf-8")
    (target / "plans.json").write_text(json.dumps(plans(dataset.name)), encoding="utf-8")
    checkpoint = {
        "network_weights": weights(list(lower_ends.values())),
        "current_epoch": 1,
        "init_args": {"configuration": "3d_fullres", "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(checkpoint, target / "fold_0" / "checkpoint_final.pth")
    return target


def plans(name: str) -> dict:
    return {
        "dataset_name": name,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": list(SPACING),
        "original_median_shape_after_transp": list(PATCH),
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration()},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {"max": HIGH, "min": LOW, "mean": MEAN, "median": MEAN, "std": DEVIATION,
                  "percentile_00_5": LOW, "percentile_99_5": HIGH}
        },
    }  # fmt: skip


def configuration() -> dict:
    ones, twos, threes = [1, 1, 1], [2, 2, 2], [3, 3, 3]
    resampling = {}
    for what, order in (("data", 3), ("seg", 1), ("probabilities", 1)):
        resampling[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{what}_kwargs"] = {
            "is_seg": what == "seg", "order": order, "order_z": 0, "force_separate_z": None,
        }  # fmt: skip
    return {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": list(PATCH),
        "spacing": list(SPACING),
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **resampling,
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": 2,
                "features_per_stage": [FEATURES, FEATURES],
                "conv_op": "torch.nn.modules.conv.Conv3d",
                "kernel_sizes": [threes, threes],
                "strides": [ones, twos],
                "n_conv_per_stage": [1, 1],
                "n_conv_per_stage_decoder": [1],
                "conv_bias": True,
                "norm_op": "torch.nn.modules.batchnorm.BatchNorm3d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.ReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": False,
    }


def weights(lower_ends: list[float]) -> dict:
    """Carries the smoothed intensity, raised above zero, through both ReLUs. The head's lines meet where one label
    gives way to the next: class k is the highest between its own lower end and that of k + 1."""
    import torch

    lowest = (LOW - MEAN) / DEVIATION
    ends = torch.tensor([(end - MEAN) / DEVIATION - lowest for end in lower_ends])
    smooth, middle = torch.zeros(FEATURES, 1, 3, 3, 3), torch.zeros(FEATURES, 2 * FEATURES, 3, 3, 3)
    smooth[0] = 1 / 27
    # The second half of what enters the decoder comes over the skip connection.
    middle[0, FEATURES, 1, 1, 1] = 1.0
    state: dict = {}
    unit(state, "encoder.stages.0.0.convs.0", smooth, -lowest)
    unit(state, "encoder.stages.1.0.convs.0", torch.zeros(FEATURES, FEATURES, 3, 3, 3))
    for name in list(state):
        state[f"decoder.{name}"] = state[name]
    unit(state, "decoder.stages.0.convs.0", middle)
    state["decoder.transpconvs.0.weight"] = torch.zeros(FEATURES, FEATURES, 2, 2, 2)
    state["decoder.transpconvs.0.bias"] = torch.zeros(FEATURES)
    head = torch.zeros(len(lower_ends) + 1, FEATURES, 1, 1, 1)
    head[:, 0, 0, 0, 0] = torch.arange(len(lower_ends) + 1.0)
    state["decoder.seg_layers.0.weight"] = head
    state["decoder.seg_layers.0.bias"] = -torch.cat([torch.zeros(1), ends.cumsum(0)])
    return state


def unit(state: dict, prefix: str, kernel, bias: float = 0.0) -> None:
    """One convolution with a batch norm that changes nothing, under all the names that nnU-Net gives them."""
    import torch

    count = kernel.shape[0]
    shift = torch.zeros(count)
    shift[0] = bias
    for name in ("conv", "all_modules.0"):
        state[f"{prefix}.{name}.weight"] = kernel
        state[f"{prefix}.{name}.bias"] = shift
    for name in ("norm", "all_modules.1"):
        state[f"{prefix}.{name}.weight"] = torch.ones(count)
        state[f"{prefix}.{name}.bias"] = torch.zeros(count)
        state[f"{prefix}.{name}.running_mean"] = torch.zeros(count)
        state[f"{prefix}.{name}.running_var"] = torch.ones(count)
        state[f"{prefix}.{name}.num_batches_tracked"] = torch.tensor(0)


if __name__ == "__main__":
    main(sys.argv[1])
