"""``batch`` over nnU-Net's own command on one model: nnU-Net's folder, and our package imported from it."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from .turns import LIBRARY, batch, in_turns, linked, run, told

sys.path.insert(0, str(LIBRARY / "Testing" / "Parity"))

_ITERATIONS = {True: 5, False: 60}  # small or not; 60 as in the parity tests: labels like those of a real model


def model_of_nnunet(work, data, features, small):
    """nnU-Net's folder of a hippocampus model as its own planner makes it, trained for a little, and our package.

    ``features`` are those of the first stage; nnU-Net's own plan has 32.
    """
    root = work / f"nnunet-{features}{'-small' if small else ''}"
    told_where = root / "folder.txt"
    if not told_where.exists():
        shutil.rmtree(root, ignore_errors=True)
        from nnunet_datasets import hippocampus
        from nnunet_environment import nnunet
        from nnunet_planning import plan
        from nnunet_training import save_trained

        with nnunet(root):
            dataset = hippocampus(root, data, cases=12)
            description = json.loads((root / "raw" / dataset / "dataset.json").read_text())
            plans = plan(dataset, features=features)
            folder = save_trained(plans, "3d_fullres", description, _ITERATIONS[small], mirror_axes=(0, 1, 2))
        from UNetSegmentLib.models.importing import import_model

        import_model(folder, root / "package")
        told_where.write_text(str(folder))
    (package,) = [path for path in (root / "package").iterdir() if path.is_dir()]
    return Path(told_where.read_text()), package


def measure(files, work, data, rounds, threads, features, small):
    """Rows: nnU-Net as it is and at its best, ours with the same mirrors and without pictures, which it writes none."""
    folder, package = model_of_nnunet(work, data, features, small)
    theirs_in = linked(files, work / "in" / "nnunet", "_0000")
    ours_in = linked(files, work / "in" / "ours")

    def theirs(*options):
        def run_it(output):
            command = [Path(sys.executable).with_name("nnUNetv2_predict_from_modelfolder")]
            command += ["-i", theirs_in, "-o", output, "-m", folder, "-f", "all", "-device", "cpu"]
            run([*map(str, command), "--disable_progress_bar", *options], threads, _folders(work))

        return run_it

    def ours(preset):
        return lambda output: told(
            batch(ours_in, output, package, "--no-preview", "--preset", preset, "--format", ".nii.gz", threads=threads)
        )

    rows = []
    for section, preset, options in (
        (f"nnU-Net's model, {features} features, mirrors", "exact", ()),
        (f"nnU-Net's model, {features} features, no mirrors", "balanced", ("--disable_tta",)),
    ):
        candidates = {
            "nnUNetv2_predict": theirs(*options),
            "nnUNetv2_predict, -npp 1 -nps 1": theirs(*options, "-npp", "1", "-nps", "1"),
            f"batch, {preset}": ours(preset),
        }
        measured = in_turns(section, candidates, len(files), work, rounds)
        alike = _alike(work / "out", section, f"batch, {preset}")
        rows += measured[:-1]
        last = measured[-1]
        figures = {**last.figures, "same label": alike}
        rows.append(type(last)(*_fields(last), f"{alike:.4%} of the voxels have the same label; {last.note}", figures))
    return rows


def _fields(row):
    return row.section, row.candidate, row.cases, row.seconds


def _folders(work):
    """nnU-Net asks for these, and uses none of them here."""
    return {f"nnUNet_{name}": str(work / name) for name in ("raw", "preprocessed", "results")}


def _alike(out, section, ours):
    """Share of voxels with nnU-Net's label, over all cases."""
    import SimpleITK as sitk

    def folder(name):
        return out / f"{section}-{name}".replace(" ", "-").replace("/", "-")

    same, every = 0, 0
    for file in sorted(folder("nnUNetv2_predict").glob("*.nii.gz")):
        one = sitk.GetArrayFromImage(sitk.ReadImage(file))
        name = file.name.partition(".")[0]
        other = sitk.GetArrayFromImage(sitk.ReadImage(folder(ours) / name / "segmentation.nii.gz"))
        same, every = same + int(np.sum(one == other)), every + one.size
    return same / every
