"""Draws the pictures of the section Quick version: pairs of real cases, a real quick version of the bundled model, and
what is said where it cannot be made.

    python Testing/Slicer/screenshots_compressing.py [FOLDER] [WIDTH]

Needs ../shared/data/msd_hippocampus (the Decathlon's hippocampi), OpenVINO and NNCF.
"""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from panel_pictures import HERE, both, draw_alone

CASES = 12
MODEL = "hippocampus-t1"
NAMES = ("Anterior hippocampus", "Posterior hippocampus")


def draw_quick(folder: Path, widget, panel, width: int) -> None:
    """The section with pairs, at work, finished and refused; the model's card and Advanced beside it."""
    import screenshots_training as training
    import slicer
    import support
    from UNetSegmentPlugin.running.worker_process import python_executable

    if not training.HIPPOCAMPI.is_dir():
        print("The hippocampi are not at hand, so there is no picture of a quick version.")
        return
    slicer.mrmlScene.Clear(0)
    load_cases(training)
    with training.models_of_its_own(panel):
        panel.choose_model(MODEL)
        panel.show_quick()
        with training.alone(panel, panel.quick):
            panel.quick.source.find_pairs()
            both(folder / "panel-quick-idle.png", widget, width)
            panel.quick.start()
            compression = panel.compressor.current
            support.wait_until(
                lambda: compression.state.final or _is_measuring(compression), 900, "the full model to be measured"
            )
            both(folder / "panel-quick-running.png", widget, width)
            panel.compressor.wait(compression)
            if compression.error is not None:
                raise compression.error
            support.process_events()
            print(compression.outcome)
            both(folder / "panel-quick-finished.png", widget, width)
        draw_card(folder, widget, panel, width)
        with training.alone(panel, panel.quick):
            command = [python_executable(), str(HERE / "compress_worker.py"), "refuse"]
            with mock.patch.object(panel.compressor._client._connection, "_command", command):
                panel.quick.start()
                panel.compressor.wait(panel.compressor.current)
                support.process_events()
                both(folder / "panel-quick-failed.png", widget, width)
    panel.quick.root.collapsed = True
    panel.compressor.current = None


def draw_card(folder: Path, widget, panel, width: int) -> None:
    """The model's card with its quick version, and what Advanced says of the runs."""
    import screenshots_training as training
    import slicer
    import support

    panel.quick.ui.quickUseButton.click()
    panel.model.ui.modelMoreButton.checked = True
    with training.alone(panel, panel.model):
        both(folder / "panel-quick-card.png", widget, width)
    panel.model.ui.modelMoreButton.checked = False
    panel.parameters.input_volume = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0]
    panel.segment()
    run = panel.runner.wait(panel.runner.runs[0])
    if run.error is not None:
        raise run.error
    support.process_events()
    panel.advanced.root.collapsed = False
    with training.alone(panel, panel.advanced):
        both(folder / "panel-quick-advanced.png", widget, width)
    panel.advanced.root.collapsed = True


def load_cases(training) -> None:
    """Images and segmentations of the Decathlon, with the names that the model gives its structures."""
    import slicer

    with mock.patch.object(training, "CASES", CASES):
        training.load_cases()
    for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
        segmentation = node.GetSegmentation()
        for number, name in zip(segmentation.GetSegmentIDs(), NAMES, strict=True):
            segmentation.GetSegment(number).SetName(name)


def _is_measuring(compression) -> bool:
    event = compression.progress
    return event is not None and event.stage == "measure INT8" and event.done > 2


if __name__ == "__main__":
    draw_alone(draw_quick)
