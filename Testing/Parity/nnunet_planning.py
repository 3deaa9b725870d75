"""Plans by nnU-Net's own planners, with small networks: its fingerprint and its rules, fewer features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def plan(
    dataset: str,
    residual: bool = False,
    features: int = 6,
    memory_gb: float = 8.0,
    spacing: Sequence[float] | None = None,
    name: str = "nnUNetPlans",
) -> dict[str, Any]:
    """Plans a data set of the raw folder; to be called inside :func:`nnunet_environment.nnunet`.

    Args:
        residual: with the planner of the residual encoder presets rather than the default one.
        features: of the first stage; at most eight times as many in the last.
        memory_gb: the planner's aim. A small one gives small patches, and a low-resolution stage where the image is
            much larger than the patch.
        spacing: overrules the spacing of the full resolution (array order, before any transposition).
    """
    from batchgenerators.utilities.file_and_folder_operations import load_json
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    from nnunetv2.paths import nnUNet_preprocessed

    extractor = DatasetFingerprintExtractor(dataset, num_processes=1)
    extractor.show_progress_bar = False
    extractor.num_foreground_voxels_for_intensitystats = 1e5  # its hundred million take half a minute
    extractor.run(overwrite_existing=True)
    planner = _planner(residual)(
        dataset,
        gpu_memory_target_in_gb=memory_gb,
        plans_name=name,
        overwrite_target_spacing=None if spacing is None else [float(s) for s in spacing],
    )
    planner.UNet_base_num_features = features
    planner.UNet_max_features_2d = planner.UNet_max_features_3d = 8 * features
    if residual:
        # The presets have up to six blocks a stage.
        planner.UNet_blocks_per_stage_encoder = (1, 2, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2)
    planner.plan_experiment()
    return load_json(str(Path(str(nnUNet_preprocessed)) / dataset / f"{name}.json"))


def _planner(residual: bool) -> type:
    if residual:
        from nnunetv2.experiment_planning.experiment_planners.residual_unets import residual_encoder_unet_planners

        return residual_encoder_unet_planners.nnUNetPlannerResEncM
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

    return ExperimentPlanner


def as_old_plans(plans: dict[str, Any]) -> dict[str, Any]:
    """The same plans as nnU-Net wrote them until version 2.4: the network described by flat keys."""
    old = {**plans, "configurations": {}}
    for name, configuration in plans["configurations"].items():
        flat = {key: value for key, value in configuration.items() if key != "architecture"}
        if "architecture" in configuration:
            network = configuration["architecture"]
            kwargs = network["arch_kwargs"]
            residual = "n_blocks_per_stage" in kwargs
            flat |= {
                "UNet_class_name": network["network_class_name"].rsplit(".", 1)[-1],
                "UNet_base_num_features": kwargs["features_per_stage"][0],
                "unet_max_num_features": max(kwargs["features_per_stage"]),
                "n_conv_per_stage_encoder": kwargs["n_blocks_per_stage" if residual else "n_conv_per_stage"],
                "n_conv_per_stage_decoder": kwargs["n_conv_per_stage_decoder"],
                "conv_kernel_sizes": kwargs["kernel_sizes"],
                "pool_op_kernel_sizes": kwargs["strides"],
                "num_pool_per_axis": [
                    sum(stride[axis] > 1 for stride in kwargs["strides"]) for axis in range(len(kwargs["strides"][0]))
                ],
            }
        old["configurations"][name] = flat
    return old
