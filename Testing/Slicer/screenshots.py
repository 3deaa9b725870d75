"""Draws the pictures of the README: the panel in its states, and the result in slice and 3D views.

    python Testing/Slicer/screenshots.py [FOLDER]

Runs the real module in the harness, on the average head that comes with nilearn (or from ../shared), with the bundled
model; without that one, with a threshold. Needs what the tests need.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import SlicerHarness  # noqa: E402

MODEL = "hippocampus-t1"
NILEARN_HEAD = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SHARED_HEAD = REPOSITORY.parent / "shared" / "data" / "mr" / "t1_icbm152.nii.gz"


def main(folder: Path) -> None:
    """Writes all pictures to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    slicer = SlicerHarness.boot()
    from SlicerHarness import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    import support

    with models_at_hand():
        widget = module.widgetRepresentation()
        panel = support.panel().panel
        panel.reload_models()
        volume = slicer.util.loadVolume(str(head()))
        volume.SetName("T1 head")
        support.process_events()
        draw(folder, widget, panel, volume)
        draw_setup(folder, widget, panel)
    panel.cleanup()
    print(f"Pictures are in {folder}")


def models_at_hand():
    """The bundled model as it is; only without it the tests' thresholds, so that there is something to draw."""
    import known_models

    from UNetSegmentLib.models import list_models

    bundled = MODEL in [card.name for card in list_models()]
    return contextlib.nullcontext() if bundled else known_models.at_hand()


def draw(folder: Path, widget, panel, volume) -> None:
    """The panel idle, with an error, running and with a result; then the views."""
    import support
    from SlicerHarness.views import render_3d, render_slice
    from UNetSegmentPlugin import samples

    if MODEL in [card.name for card in panel.cards]:
        panel.parameters.model = MODEL
    else:
        panel.parameters.model = "threshold"
    picture(folder / "panel-idle.png", widget)
    panel.parameters.whole_volume = False
    panel.parameters.input_volume = None
    picture(folder / "panel-error.png", widget)
    left, right = samples.add_regions()
    panel.parameters.input_volume, panel.parameters.region = volume, left
    panel.segment()
    run = panel.runner.runs[0]
    support.wait_until(lambda: run.progress is not None and run.progress.stage == "segment", 120, "the run")
    picture(folder / "panel-running.png", widget)
    picture(folder / "panel-running-dark.png", widget, dark=True)
    panel.runner.wait(run)
    if run.error is not None:
        raise run.error
    panel.parameters.region = right
    panel.segment()
    second = panel.runner.wait(panel.runner.runs[0])
    for roi in (left, right):
        roi.GetDisplayNode().SetVisibility(False)
    panel.report.ui.show3dButton.checked = True
    picture(folder / "panel-result.png", widget)
    picture(folder / "panel-result-dark.png", widget, dark=True)
    segmentation = second.written.segmentation
    render_slice(folder / "slice.png", volume, segmentation, "Axial", center=(0.0, -20.0, -16.0), field_of_view=170.0)
    render_3d(folder / "surfaces.png", segmentation, zoom=1.0)
    compose(folder / "result.png", folder / "panel-result.png", folder / "slice.png", folder / "surfaces.png")


def draw_setup(folder: Path, widget, panel) -> None:
    """The panel on a computer without PyTorch."""
    from UNetSegmentLib.worker.protocol import Hello, Problem, Ready

    panel.runner.shutdown()
    panel.runner.ready = Ready(problem=Problem("missing-package", "torch is not installed."))
    # Nobody runs such a worker for a picture, so its first line, which tells of torch, is made up too.
    panel.runner._client._hello = Hello()
    panel.refresh()
    picture(folder / "panel-setup.png", widget)
    picture(folder / "panel-setup-dark.png", widget, dark=True)


def picture(path: Path, widget, dark: bool = False) -> None:
    """One picture of the panel at the width of Slicer's module panel; complains about what does not fit."""
    from SlicerHarness.panelpicture import render_panel

    drawn = render_panel(widget, path, dark=dark)
    trim(path)
    if drawn.cut_off:
        print(f"{path.name}: cut off: {', '.join(drawn.cut_off)}")


def trim(path: Path, margin: int = 10) -> None:
    """Cuts off the empty lower end: the panel's trailing stretch."""
    from PIL import Image, ImageChops

    whole = Image.open(path).convert("RGB")
    ground = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
    box = ImageChops.difference(whole, ground).getbbox()
    if box is not None:
        whole.crop((0, 0, whole.width, min(box[3] + margin, whole.height))).save(path)


def compose(path: Path, *parts: Path) -> None:
    """Panel on the left, the views on top of each other on the right."""
    from PIL import Image

    panel, *views = (Image.open(part).convert("RGB") for part in parts)
    height = panel.height
    side = height // len(views)
    views = [view.resize((side, side)) for view in views]
    whole = Image.new("RGB", (panel.width + side, side * len(views)), "white")
    whole.paste(panel.crop((0, 0, panel.width, side * len(views))), (0, 0))
    for number, view in enumerate(views):
        whole.paste(view, (panel.width, number * side))
    whole.save(path)


def head() -> Path:
    """The T1 image: out of nilearn, which `make demo` installs too, or out of the shared data."""
    found = importlib.util.find_spec("nilearn")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / NILEARN_HEAD
        if path.is_file():
            return path
    if SHARED_HEAD.is_file():
        return SHARED_HEAD
    raise SystemExit("No T1 head is at hand: pip install nilearn")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)
