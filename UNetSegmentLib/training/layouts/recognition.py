"""Which layout a folder has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from . import brats, decathlon, membranes, nnunet, pairs, retina, table, tumours
from .dataset import Dataset
from .naming import with_names

AUTO = "auto"


@dataclass(frozen=True)
class Layout:
    """A reader. ``matches`` is None where a folder does not show that it is of this kind."""

    read: Callable[[Path], Dataset]
    matches: Callable[[Path], bool] | None
    needs: str


# In the order in which a folder is tried: those that show themselves most clearly first.
LAYOUTS: dict[str, Layout] = {
    "csv": Layout(table.read, table.matches, "a .csv with the columns image and label"),
    "nnunet": Layout(nnunet.read, nnunet.matches, "imagesTr/NAME_0000.*, labelsTr/, dataset.json with channel_names"),
    "decathlon": Layout(decathlon.read, decathlon.matches, "imagesTr/, labelsTr/, dataset.json"),
    "lits": Layout(tumours.read_lits, tumours.matches_lits, "volume-N.nii and segmentation-N.nii"),
    "kits": Layout(tumours.read_kits, tumours.matches_kits, "case_NNNNN/imaging.nii.gz and segmentation.nii.gz"),
    "brats": Layout(brats.read, brats.matches, "BraTS*/ with _t1, _t1ce, _t2, _flair, _seg"),
    "drive": Layout(retina.read_drive, retina.matches_drive, "images/NN_training.tif, labels/, masks/"),
    "stare": Layout(retina.read_stare, retina.matches_stare, "im0001.ppm and im0001.ah.ppm"),
    "isbi2012": Layout(membranes.read, None, "images/N.png and labels/N.png, membranes black"),
    "pairs": Layout(pairs.read, pairs.matches, "images/ and labels/ with the same names"),
}


def open_layout(path: str | Path, layout: str = AUTO) -> Dataset:
    """Reads a data set's table of contents, and the names in the headers of its label files.

    Args:
        path: its folder, or a CSV file.
        layout: a name out of :data:`LAYOUTS`; ``auto`` finds out.

    Raises:
        InputError: nothing there, no known layout, or what the layout's reader finds wrong.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no folder {path}.", "Check the path of the data set.")
    if layout != AUTO:
        if layout not in LAYOUTS:
            raise InputError(f"There is no layout '{layout}'.", f"Known are: {AUTO}, {', '.join(LAYOUTS)}.")
        return with_names(LAYOUTS[layout].read(path))
    for known in LAYOUTS.values():
        if known.matches is not None and known.matches(path):
            return with_names(known.read(path))
    raise InputError(
        f"'{path}' has no layout that is known.",
        "Known are: " + "; ".join(f"{name} ({known.needs})" for name, known in LAYOUTS.items()) + ".",
    )
