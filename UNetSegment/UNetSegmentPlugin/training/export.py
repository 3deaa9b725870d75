"""Copies the pairs of the scene into a training's folder, one pair at a time, so that Slicer stays alive meanwhile."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import InputError, OutputError, UNetSegmentError
from UNetSegmentLib.io.itk import to_image, write_image
from UNetSegmentLib.io.segmentations import write_segmentation
from UNetSegmentLib.labels import Label

from . import voxels as training_voxels
from .pairs import Pair


class PairExport:
    """Writes ``images/``, ``labels/`` and ``dataset.json``: the layout ``pairs``.

    Args:
        pairs: complete ones.
        labels: what is learned; see ``training_voxels.labels_of``.
        title: of the data set.
    """

    def __init__(self, pairs: Sequence[Pair], labels: Sequence[Label], title: str) -> None:
        self._pairs, self._labels, self._title = list(pairs), list(labels), title
        self._names = _file_names([pair.volume.GetName() for pair in pairs])
        self._folder = Path()
        self._cancelled = False
        self._tell: Callable[[int, int], None] = lambda done, total: None
        self._end: Callable[[UNetSegmentError | None], None] = lambda error: None

    def start(
        self, folder: Path, tell: Callable[[int, int], None], end: Callable[[UNetSegmentError | None], None]
    ) -> None:
        """Begins, and returns at once. ``tell(done, total)`` counts pairs; ``end(error)`` is called in the end, with
        None for success, and not at all after :meth:`cancel`."""
        self._folder, self._tell, self._end = folder, tell, end
        tell(0, len(self._pairs))
        qt.QTimer.singleShot(0, lambda: self._step(0))

    def cancel(self) -> None:
        """Writes nothing more."""
        self._cancelled = True

    def _step(self, number: int) -> None:
        if self._cancelled:
            return
        try:
            if number == len(self._pairs):
                self._write_table()
            else:
                self._write(self._pairs[number], self._names[number])
        except UNetSegmentError as error:
            self._end(error)
            return
        except OSError as error:
            self._end(OutputError(_("The pairs could not be copied."), _("Check the disk."), str(error)))
            return
        if number == len(self._pairs):
            self._end(None)
            return
        self._tell(number + 1, len(self._pairs))
        qt.QTimer.singleShot(0, lambda: self._step(number + 1))

    def _write(self, pair: Pair, name: str) -> None:
        if not pair.present:
            raise InputError(_("A pair was removed from the scene while it was copied."), _("Start again."))
        for sub in ("images", "labels"):
            (self._folder / sub).mkdir(parents=True, exist_ok=True)
        image = training_voxels.read_image(pair.volume)
        segmentation = training_voxels.read_labels(pair, image.geometry, self._labels)
        # Voxels hardly compress, and the copy goes as soon as the model is there.
        write_image(to_image(image.voxels, image.geometry), self._folder / "images" / f"{name}.nrrd", compress=False)
        write_segmentation(segmentation, self._folder / "labels" / f"{name}.seg.nrrd", algorithm_type="MANUAL")

    def _write_table(self) -> None:
        names = {str(label.value): label.name for label in self._labels}
        colours = training_voxels.channels_of(self._pairs[0].volume) == 3
        table = {"name": self._title, "labels": names, **({"channels": ["Red", "Green", "Blue"]} if colours else {})}
        (self._folder / "dataset.json").write_text(json.dumps(table, indent=2), encoding="utf-8")


def _file_names(names: Sequence[str]) -> list[str]:
    """One file name for each, unlike the others, in letters that every disk can hold."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "case"
        number, unique = 1, plain
        while unique.lower() in [other.lower() for other in made]:
            number += 1
            unique = f"{plain}-{number}"
        made.append(unique)
    return made
