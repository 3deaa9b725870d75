"""Draws the picture of a colour fundus photograph segmented in the panel.

    python Testing/Slicer/screenshots_colour.py [FOLDER [MODEL]]

Runs the real module in the harness on a photograph of the shared data with the bundled model of retinal vessels, or
with the package MODEL. Without either there is nothing to draw.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

import screenshots
import SlicerHarness
from screenshots import REPOSITORY

BUNDLED = "retinal-vessels"
PHOTOGRAPH = REPOSITORY.parent / "shared" / "data" / "drive" / "images" / "21_training.tif"


def main(folder: Path, package: Path | None) -> None:
    """Writes ``panel-colour.png``, its dark sister, ``colour-slice.png`` and both together, ``colour.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    SlicerHarness.boot()
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    import support

    from UNetSegmentLib.models import list_models

    if not PHOTOGRAPH.is_file() or (package is None and BUNDLED not in [card.name for card in list_models()]):
        print("The photograph or the model of retinal vessels is not at hand, so there is no picture of colours.")
        return
    widget = module.widgetRepresentation()
    with with_model(package) as name:
        panel = support.panel().panel
        panel.reload_models()
        draw(folder, widget, panel, name)
        panel.cleanup()
    print(f"Pictures are in {folder}")


@contextlib.contextmanager
def with_model(package: Path | None):
    """The name of the bundled model; or of ``package``, as if it were the user's own."""
    if package is None:
        yield BUNDLED
        return
    from UNetSegmentLib.models import locations, read_card

    with tempfile.TemporaryDirectory() as own:
        name = read_card(package).name
        shutil.copytree(package, Path(own) / name)
        with mock.patch.object(locations, "user_model_folder", lambda: Path(own)):
            yield name


def draw(folder: Path, widget, panel, model: str) -> None:
    """The panel with its result, and the slice view beside it."""
    import support
    from SlicerHarness.viewing.views import render_slice

    volume = load(PHOTOGRAPH)
    panel.choose_model(model)
    panel.parameters.input_volume = volume
    support.process_events()
    panel.model.ui.acceptLicenceButton.click()
    errors = panel.input_errors()
    if errors:
        raise SystemExit("\n".join(errors))
    panel.segment()
    run = panel.runner.wait(panel.runner.runs[0])
    if run.error is not None:
        raise run.error
    print({name: round(seconds, 2) for name, seconds in run.timings.items()}, run.warnings)
    screenshots.both(folder / "panel-colour.png", widget)
    render_slice(folder / "colour-slice.png", volume, run.written.segmentation, "Axial", size=(900, 900))
    beside(folder / "colour.png", folder / "panel-colour.png", folder / "colour-slice.png")


def load(path: Path):
    """A picture file as Slicer loads it: a vector volume of one slice, 1 mm pixels, rows from front to back.

    Slicer itself reads it through ITK as we do; the harness's MRML has no reader for pictures.
    """
    import numpy as np
    import support

    from UNetSegmentLib.io import read_volume

    image = read_volume(path)
    array = np.moveaxis(image.voxels, 0, -1)
    return support.add_volume(array, image.geometry.ras_matrix, "Fundus photograph", "vtkMRMLVectorVolumeNode")


def beside(path: Path, panel: Path, view: Path) -> None:
    """The panel's upper part on the left, the view on the right, both as high as the view."""
    from PIL import Image

    left, right = (Image.open(part).convert("RGB") for part in (panel, view))
    height = min(left.height, right.height)
    whole = Image.new("RGB", (left.width + right.width, height), "white")
    whole.paste(left.crop((0, 0, left.width, height)), (0, 0))
    whole.paste(
        right.crop((0, (right.height - height) // 2, right.width, (right.height + height) // 2)), (left.width, 0)
    )
    whole.save(path)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(given[0] if given else REPOSITORY / "Resources" / "Screenshots", given[1] if len(given) > 1 else None)
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)
