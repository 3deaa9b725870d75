"""Stand-ins for the files that the pages' commands name: small, made up, and of the right kind."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
_HELPERS = ("", "Core/training", "Core/importing", "Core/io/dicom")
sys.path[:0] = [str(TESTING / folder) for folder in _HELPERS]

HIPPOCAMPUS = {"0": "background", "1": "Anterior hippocampus", "2": "Posterior hippocampus"}


def make_stand_ins(folder: Path, words: Sequence[str]) -> None:
    """Makes in ``folder`` whatever of :data:`STAND_INS` the words of a page's commands begin with."""
    folder.mkdir(parents=True)
    for name, make in STAND_INS.items():
        if any(word.rstrip("/") == name or word.startswith(f"{name}/") for word in words):
            make(folder / name)


def _head(path: Path) -> None:
    """The ICBM-152 average that nilearn carries, in whose coordinates the pages give their regions."""
    package = importlib.util.find_spec("nilearn")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("The pages' head comes with nilearn: pip install nilearn")
    image = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    shutil.copy(Path(package.submodule_search_locations[0]) / "datasets" / "data" / image, path)


def _small_ct(path: Path) -> None:
    from layout_cases import image, nested_boxes, write_image

    write_image(path, image(0, nested_boxes((1, 2), (24, 32, 28))))


def _photograph(path: Path) -> None:
    import numpy as np
    from PIL import Image

    rows, columns = np.indices((160, 160))
    disc = np.hypot(rows - 80, columns - 80) < 75
    vessel = (abs(rows - columns) < 4) & disc
    red = (180 - 60 * vessel) * disc
    Image.fromarray(np.stack([red, 0.6 * red, 0.3 * red], axis=-1).astype(np.uint8)).save(path)


def _scans(path: Path) -> None:
    """The images of :func:`_pairs` alone."""
    _pairs(path)
    for image in (path / "images").iterdir():
        image.rename(path / image.name)
    for name in ("images", "labels"):
        shutil.rmtree(path / name)
    for other in path.glob("*.json"):
        other.unlink()


def _pairs(path: Path) -> None:
    """Regions of 24 x 32 x 24 mm with a ball and its core, as anterior and posterior hippocampus."""
    import json

    from training_cases import balls, write_case

    names = ["hippocampus_008", "hippocampus_014", "hippocampus_001", "hippocampus_003"]
    for seed, name in enumerate(names):
        write_case(path, name, *balls(seed, (24, 32, 24)))
    (path / "dataset.json").write_text(json.dumps({"labels": HIPPOCAMPUS, "folds": [names[:2], names[2:]]}))


def _label_maps(path: Path) -> None:
    from training_cases import balls, write_case

    write_case(path.with_name(f"{path.name}-made"), "case_1", *balls(1))
    shutil.copytree(path.with_name(f"{path.name}-made") / "labels", path)


def _segmentation(path: Path) -> None:
    import numpy as np

    from UNetSegmentLib import Label, Segmentation, Volume, write_segmentation

    grid = Volume.from_array(np.zeros((8, 8, 8), np.float32), spacing=(1.0, 1.0, 1.0)).geometry
    voxels = np.zeros((8, 8, 8), np.uint8)
    voxels[2:6, 2:6, 2:6] = 1
    write_segmentation(Segmentation(voxels, grid, (Label(1, "liver"),)), path)


def _markups(path: Path) -> None:
    """A lasso around a place of the hippocampus of :func:`_head`, as Slicer saves one."""
    import json

    ring = [{"position": [-25.0 + x, -12.0 + y, -20.0]} for x, y in ((4, 0), (0, 4), (-4, 0), (0, -4))]
    entry = {"type": "ClosedCurve", "coordinateSystem": "RAS", "controlPoints": ring}
    path.write_text(json.dumps({"markups": [entry]}))


def _drive(path: Path) -> None:
    from layout_cases import drive

    drive(path)


def _isbi(path: Path) -> None:
    from layout_cases import isbi

    isbi(path)


def _nnunet(path: Path) -> None:
    from nnunet_files import Results

    scratch = path.with_name("nnunet-made")
    results = Results()
    results.plans["dataset_name"] = path.name
    shutil.move(results.write(scratch).parent, path)


def _study(path: Path) -> None:
    from dicom_files import save_series

    path.mkdir()
    about = {
        **{"StudyInstanceUID": "1.2.826.0.1.77", "FrameOfReferenceUID": "1.2.826.0.1.88", "StudyID": "1"},
        **{"PatientName": "Roe^Jane", "PatientID": "1", "PatientBirthDate": "", "PatientSex": "F"},
        **{"StudyDate": "20260101", "StudyTime": "120000", "AccessionNumber": "", "ReferringPhysicianName": ""},
    }
    save_series(path, [(0.0, 0.0, 2.0 * n) for n in range(8)], SeriesDescription="T1 sagittal", **about)
    # The file that the page names.
    next(path.glob("IM*")).rename(path / "IM0042")


def _levels(path: Path) -> None:
    from level_model import save_level_model

    save_level_model(path)


def _attentive(cases: Callable[[Path], None]) -> Callable[[Path], None]:
    """A model whose gates can be looked at, as the page's first sentence trains one."""

    def make(path: Path) -> None:
        from run_docs import COMMAND, environment

        data = path.parent / f"{path.name}-data"
        cases(data)
        command = [*COMMAND, "train", str(data), "--network", "attention", "-o", str(path), "--minutes", "0.1"]
        subprocess.run(command, env=environment(path.parent.parent), stdout=subprocess.DEVNULL, check=True)

    return make


STAND_INS: dict[str, Callable[[Path], None]] = {
    "t1.nii.gz": _head,
    "ct.nii.gz": _small_ct,
    "eye.jpg": _photograph,
    "eye.tif": _photograph,
    "photograph.png": _photograph,
    "my-data": _pairs,
    "scans": _scans,
    "msd_hippocampus": _pairs,
    "found": _label_maps,
    "references": _label_maps,
    "found.seg.nrrd": _segmentation,
    "reference.seg.nrrd": _segmentation,
    "leak.mrk.json": _markups,
    "drive": _drive,
    "isbi2012": _isbi,
    "Dataset123_Liver": _nnunet,
    "study": _study,
    "levels": _levels,
    "runs/hippocampus": _attentive(_pairs),
    "runs/drive": _attentive(_drive),
}
