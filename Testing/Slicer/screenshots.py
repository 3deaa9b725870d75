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
import tempfile
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import SlicerHarness  # noqa: E402
from panel_pictures import both, compose, picture  # noqa: E402

MODEL = "hippocampus-t1"
NILEARN_HEAD = "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
TORSO = REPOSITORY.parent / "shared" / "data" / "ct" / "ct_torso_3mm.nii.gz"
SHARED_HEAD = REPOSITORY.parent / "shared" / "data" / "mr" / "t1_icbm152.nii.gz"


def main(folder: Path) -> None:
    """Writes all pictures to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    slicer = SlicerHarness.boot()
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    import screenshots_training
    import support

    with models_at_hand():
        widget = module.widgetRepresentation()
        panel = support.panel().panel
        panel.reload_models()
        own = panel.run.root.minimumWidth
        panel.run.root.setMinimumWidth(0)
        volume = slicer.util.loadVolume(str(head()))
        volume.SetName("T1 head")
        support.process_events()
        draw(folder, widget, panel, volume)
        draw_setup(folder, widget, panel)
        draw_imported(folder, widget, panel)
        draw_library(folder, panel)
        screenshots_training.draw_training(folder, widget, panel)
        panel.run.root.setMinimumWidth(own)
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
    from SlicerHarness.viewing.views import render_3d, render_slice
    from UNetSegmentPlugin.scene import samples

    if MODEL in [card.name for card in panel.cards]:
        panel.parameters.model = MODEL
    else:
        panel.parameters.model = "threshold"
    both(folder / "panel-idle.png", widget)
    draw_list(folder / "panel-models.png", folder / "panel-idle.png", panel)
    panel.parameters.whole_volume = False
    panel.parameters.input_volume = None
    both(folder / "panel-error.png", widget)
    left, right = samples.add_regions()
    panel.parameters.input_volume, panel.parameters.region = volume, left
    panel.segment()
    run = panel.runner.runs[0]
    support.wait_until(lambda: run.progress is not None and run.progress.stage == "segment", 120, "the run")
    both(folder / "panel-running.png", widget)
    panel.runner.wait(run)
    if run.error is not None:
        raise run.error
    panel.parameters.region = right
    panel.segment()
    second = panel.runner.wait(panel.runner.runs[0])
    for roi in (left, right):
        roi.GetDisplayNode().SetVisibility(False)
    panel.report.ui.show3dButton.checked = True
    both(folder / "panel-result.png", widget)
    segmentation = second.written.segmentation
    render_slice(folder / "slice.png", volume, segmentation, "Axial", center=(0.0, -20.0, -16.0), field_of_view=170.0)
    render_3d(folder / "surfaces.png", segmentation, zoom=1.0)
    draw_editor(folder, widget, panel)
    compose(folder / "result.png", folder / "panel-result.png", folder / "slice.png", folder / "surfaces.png")


def draw_list(path: Path, panel_picture: Path, panel) -> None:
    """The list of models as it opens over the panel."""
    import support
    from PIL import Image
    from SlicerHarness.strictness.strict import raw

    chooser = panel.model.chooser
    with tempfile.TemporaryDirectory() as folder:
        chooser.open()
        support.process_events()
        opened = Path(folder) / "list.png"
        raw(chooser.popup).grab().save(str(opened))
        chooser.close()
        with Image.open(panel_picture) as below, Image.open(opened) as above:
            top = 62
            whole = Image.new("RGB", (below.width, max(below.height, top + above.height + 8)), below.getpixel((0, 0)))
            whole.paste(below.convert("RGB"), (0, 0))
            whole.paste(above.convert("RGB"), (below.width - above.width - 8, top))
            whole.save(path)


def draw_editor(folder: Path, widget, panel) -> None:
    """The panel with the Segment Editor opened, as wide as that one needs."""
    from UNetSegmentPlugin.widgets.widths import MINIMUM_WIDTH

    panel.correct.root.collapsed, panel.report.root.collapsed = False, True
    panel.run.root.setMinimumWidth(MINIMUM_WIDTH)
    both(folder / "panel-editor.png", widget, MINIMUM_WIDTH + 18)
    panel.run.root.setMinimumWidth(0)
    panel.correct.root.collapsed, panel.report.root.collapsed = True, False


def draw_imported(folder: Path, widget, panel) -> None:
    """nnU-Net results made for the tests (bands of CT numbers, so that the answer means something), imported, run."""
    import known_models
    import slicer
    import support
    from SlicerHarness.viewing.views import render_3d, render_slice

    from UNetSegmentLib.models import locations

    if not TORSO.is_file():
        print("The torso CT is not at hand, so there is no picture of an imported model.")
        return
    slicer.mrmlScene.Clear(0)
    volume = slicer.util.loadVolume(str(TORSO))
    volume.SetName("CT torso")
    volume.GetScalarVolumeDisplayNode().AutoWindowLevelOff()
    volume.GetScalarVolumeDisplayNode().SetWindowLevel(500.0, 50.0)
    support.process_events()
    with tempfile.TemporaryDirectory() as own, mock.patch.object(locations, "user_model_folder", lambda: Path(own)):
        panel.parameters.input_volume = volume
        for dataset in ("Dataset902_Bands", "Dataset901_Tissues"):
            panel.model.importing.start(str(known_models.nnunet_results() / dataset))
            installation = panel.installer.unfinished[0]
            if dataset == "Dataset901_Tissues":
                picture(folder / "panel-import.png", widget)
            panel.installer.wait(installation)
            support.process_events()
            if installation.error is not None:
                raise installation.error
            if dataset == "Dataset902_Bands":
                panel.model.ui.modelCardLabel.linkActivated.emit("labels")
                both(folder / "panel-many-classes.png", widget)
                panel.model.ui.modelCardLabel.linkActivated.emit("labels")
        panel.model.ui.acceptLicenceButton.click()
        panel.segment()
        run = panel.runner.wait(panel.runner.runs[0])
        if run.error is not None:
            raise run.error
        support.wait(1.0)
        picture(folder / "panel-imported.png", widget)
        segmentation = run.written.segmentation
        render_slice(folder / "imported-slice.png", volume, segmentation, "Coronal")
        shown = segmentation.GetDisplayNode()
        for segment_id in run.written.segment_ids[:2]:
            shown.SetSegmentVisibility(segment_id, False)
        render_3d(folder / "imported-surfaces.png", segmentation, zoom=1.0)
        parts = (folder / name for name in ("panel-imported.png", "imported-slice.png", "imported-surfaces.png"))
        compose(folder / "imported.png", *parts)
    panel.reload_models()
    panel.choose_any_model()


def draw_library(folder: Path, panel) -> None:
    """The library's window, searched and filtered, with a long and a short card."""
    from SlicerHarness.viewing.panelpicture import render_window

    panel.show_library()
    dialog = panel._library
    for name, search, entry, dark in (
        ("library.png", "", "totalsegmentator-total-fast", False),
        ("library-dark.png", "liver", "totalsegmentator-liver-segments", True),
    ):
        dialog.ui.librarySearchBox.text = search
        dialog.choose(entry)
        drawn = render_window(dialog.root, folder / name, (1060, 680), dark)
        if drawn.cut_off:
            print(f"{name}: cut off: {', '.join(drawn.cut_off)}")
    dialog.root.close()


def draw_setup(folder: Path, widget, panel) -> None:
    """The panel on a computer without PyTorch."""
    from UNetSegmentLib.worker.protocol.encoding import Hello, Problem, Ready

    panel.parameters.result = None
    panel.run.started()
    panel.runner.shutdown()
    panel.runner._here.ready = Ready(problem=Problem("missing-package", "torch is not installed."))
    # Nobody runs such a worker for a picture, so its first line, which tells of torch, is made up too.
    panel.runner._here.client._connection._incoming.hello = Hello()
    panel.refresh()
    both(folder / "panel-setup.png", widget)
    panel.runner._here.ready = None
    panel.refresh()


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
