"""Draws the pictures of the section Train: pairs of real cases, a real training of two minutes, and what comes of it.

    python Testing/Slicer/screenshots_training.py [FOLDER]

Also drawn by screenshots.py. Needs ../shared/data/msd_hippocampus (the Decathlon's hippocampi).
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
HIPPOCAMPI = REPOSITORY.parent / "shared" / "data" / "msd_hippocampus"
CASES, MINUTES = 6, 2.0


def main(folder: Path) -> None:
    """Writes the pictures of this section alone to ``folder``."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    import SlicerHarness

    folder.mkdir(parents=True, exist_ok=True)
    SlicerHarness.boot()
    import support
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    widget, panel = module.widgetRepresentation(), support.panel().panel
    draw_training(folder, widget, panel)
    panel.cleanup()


def draw_training(folder: Path, widget, panel) -> None:
    """The section idle with pairs, with a folder, running, and finished; light and dark."""
    import slicer
    import support
    from panel_pictures import both
    from UNetSegmentPlugin.running.worker_process import python_executable

    if not HIPPOCAMPI.is_dir():
        print("The hippocampi are not at hand, so there is no picture of a training.")
        return
    slicer.mrmlScene.Clear(0)
    load_cases()
    panel.runner.start()
    support.wait_until(lambda: panel.runner.ready is not None, 120, "the worker")
    command = [python_executable(), str(HERE / "picture_worker.py")]
    with (
        models_of_its_own(panel),
        mock.patch.object(panel.trainer._client._connection, "_command", command),
        alone(panel, panel.train),
    ):
        panel.train.root.collapsed = False
        panel.train.source.find_pairs()
        panel.parameters.train_title = "My hippocampus"
        panel.parameters.train_minutes = MINUTES
        both(folder / "panel-train-idle.png", widget)
        picture_of_a_folder(folder, widget, panel)
        start_on_one_core(panel.train)
        training = panel.trainer.current
        support.wait_until(lambda: training.state.final or _has_curve(training), 1200, "a curve")
        both(folder / "panel-train-running.png", widget)
        panel.trainer.wait(training)
        if training.error is not None:
            raise training.error
        support.process_events()
        both(folder / "panel-train-finished.png", widget)
    panel.train.root.collapsed = True
    panel.trainer.current = None


def start_on_one_core(section) -> None:
    """Small patches on a busy machine: a second thread costs more than it gives."""
    order, pairs = section.order()
    with mock.patch.object(section, "order", lambda: (replace(order, threads=1, device="cpu"), pairs)):
        section.start()


def picture_of_a_folder(folder: Path, widget, panel) -> None:
    """A folder in the place of pairs, and a training that waits to go on."""
    from panel_pictures import both

    from UNetSegmentLib.worker.protocol.training_runs import TrainingOrder, discard_run, make_run

    waiting = make_run(TrainingOrder("liver-ct", "Liver CT", "/data"))
    (waiting / "plan.json").write_text('{"steps": 4000}', encoding="utf-8")
    (waiting / "log.csv").write_text("step,loss\n1250,0.21\n", encoding="utf-8")
    (waiting / "checkpoint.pt").write_bytes(b"")
    # Nobody's path belongs into a picture.
    with contextlib.chdir(HIPPOCAMPI.parent):
        panel.train.source.choose_folder(HIPPOCAMPI.name)
        panel.train.ui.trainAdvancedBox.collapsed = False
        both(folder / "panel-train-folder.png", widget)
        panel.train.ui.trainAdvancedBox.collapsed = True
        panel.parameters.train_from_folder = False
    discard_run(waiting)
    panel.refresh()


def load_cases() -> None:
    """Images and segmentations of the Decathlon, as a user would have drawn them."""
    import slicer

    for path in sorted((HIPPOCAMPI / "images").glob("*.nii.gz"))[:CASES]:
        volume = slicer.util.loadVolume(str(path))
        volume.SetName(path.name.split(".")[0])
        labels = slicer.util.loadLabelVolume(str(HIPPOCAMPI / "labels" / path.name))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volume.GetName()} truth")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        array = slicer.util.arrayFromVolume(labels)
        for value, name in enumerate(("Anterior", "Posterior"), 1):
            number = node.GetSegmentation().AddEmptySegment(name, name)
            mask = (array == value).astype("uint8")
            slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, number, volume)
        slicer.mrmlScene.RemoveNode(labels)


@contextlib.contextmanager
def alone(panel, section) -> Iterator[None]:
    """The other sections out of the picture."""
    beside = [other.root for other in panel.sections if other is not section]
    others = [root for root in beside if root.isVisibleTo(section.root.parentWidget())]
    for root in others:
        root.hide()
    try:
        yield
    finally:
        for root in others:
            root.show()


@contextlib.contextmanager
def models_of_its_own(panel) -> Iterator[None]:
    """What is trained for a picture is not left among the user's models."""
    from UNetSegmentLib.models import locations

    with tempfile.TemporaryDirectory() as own:
        with mock.patch.object(locations, "user_model_folder", lambda: Path(own) / "models"):
            panel.reload_models()
            yield
        panel.reload_models()
        panel.choose_any_model()


def _has_curve(training) -> bool:
    event = training.progress
    return event is not None and event.stage == "train" and event.fraction > 0.6


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)
