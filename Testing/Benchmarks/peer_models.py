"""The cases of the peers' benchmark: an nnU-Net folder by nnU-Net's own code, and our package imported from it."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from common import DATA

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Parity"))


@dataclass(frozen=True)
class Case:
    """An image and a PlainConvUNet of nnU-Net's usual size (32 to 320 features, six stages) with random weights."""

    name: str
    image: Path
    classes: int
    spacing: float
    patch: tuple[int, int, int]


def _cases():
    torso, head = DATA / "ct" / "ct_torso_3mm.nii.gz", DATA / "ct" / "ct_head_avm.nii.gz"
    listed = [Case(f"torso-{n}", torso, n, 3.0, (64, 64, 64)) for n in (2, 25)]
    listed += [Case("torso-105", torso, 105, 3.0, (112, 112, 128))]
    listed += [Case(f"head-{n}", head, n, 1.5, (128, 128, 128)) for n in (2, 25, 105)]
    # Nothing to resample, many tiles: hours of forward passes on a CPU.
    listed += [Case("head-2-tiles", head, 2, 0.0, (96, 96, 96))]
    return {case.name: case for case in listed}


CASES = _cases()


def model_folder(case, work, tiny, torch_resampling=False):
    """The nnU-Net folder of a case, made on first use. ``tiny``: few features, to try the benchmark out."""
    root = work / (case.name + ("-tiny" if tiny else "") + ("-torch" if torch_resampling else ""))
    done = root / "folder.txt"
    if not done.exists():
        from nnunet_environment import nnunet

        with nnunet(root):
            done.write_text(str(_make(case, root, tiny, torch_resampling)))
    return Path(done.read_text())


def package_folder(case, work, tiny):
    """Our package of the same network."""
    from UNetSegmentLib.models.importing import import_model

    target = work / f"{case.name}{'-tiny' if tiny else ''}-package"
    if not target.exists():
        arrived = target.with_name(f"{target.name}-{os.getpid()}")
        import_model(model_folder(case, work, tiny), arrived)
        arrived.rename(target)
    (folder,) = [path for path in target.iterdir() if path.is_dir()]
    return folder


def _make(case, root, tiny, torch_resampling):
    import nnunet_datasets
    from nnunet_planning import plan
    from nnunet_training import save_random

    dataset = nnunet_datasets.torso(root, DATA)
    description = json.loads((root / "raw" / dataset / "dataset.json").read_text())
    description["labels"] = {"background": 0, **{f"structure {n}": n for n in range(1, case.classes)}}
    plans = plan(dataset)
    configuration = plans["configurations"]["3d_fullres"]
    configuration["patch_size"] = list(case.patch)
    configuration["spacing"] = [case.spacing] * 3 if case.spacing else [1.0, 0.7209135890007019, 0.719942569732666]
    if torch_resampling:  # as nnU-Net's planners with "torchres" in their names set it
        how = {"is_seg": False, "force_separate_z": False, "memefficient_seg_resampling": False}
        for what in ("data", "probabilities"):
            configuration[f"resampling_fn_{what}"] = "resample_torch_fornnunet"
            configuration[f"resampling_fn_{what}_kwargs"] = how
    stages = 6
    scale = 8 if tiny else 1
    configuration["architecture"]["arch_kwargs"] |= {
        "n_stages": stages,
        "features_per_stage": [n // scale for n in (32, 64, 128, 256, 320, 320)],
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1], *[[2, 2, 2]] * (stages - 1)],
        "n_conv_per_stage": [2] * stages,
        "n_conv_per_stage_decoder": [2] * (stages - 1),
    }
    return save_random(plans, "3d_fullres", description, mirror_axes=(0, 1, 2))
