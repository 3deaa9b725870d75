"""Draws the section Correct and the effect "U-Net correct" at work: a scribble while it is drawn, and its answer.

    python Testing/Slicer/screenshots_correcting.py [FOLDER]

Runs the real module in the harness on the torso CT of the shared data; without it there is nothing to draw.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import screenshots
import SlicerHarness
from panel_pictures import both, compose
from screenshots import REPOSITORY, TORSO

# RAS mm of the scan: the body of a lumbar vertebra.
PLACE = (-4.0, 148.0, 282.0)


def main(folder: Path) -> None:
    """Writes ``panel-correct.png`` and its dark sister, two views, and ``correct.png`` of them all."""
    folder.mkdir(parents=True, exist_ok=True)
    slicer = SlicerHarness.boot()
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    slicer.app.startupCompleted.emit()
    if not TORSO.is_file():
        print("The torso CT is not at hand, so there is no picture of a correction.")
        return
    import support

    widget = module.widgetRepresentation()
    with screenshots.models_at_hand():
        panel = support.panel().panel
        panel.reload_models()
        draw(folder, widget, panel)
    panel.cleanup()
    print(f"Pictures are in {folder}")


def draw(folder: Path, widget, panel) -> None:
    """A stroke from nothing, a second one taken away, and the panel then."""
    import slicer
    import support
    from correcting_desk import NAME, drag, view
    from SlicerHarness.viewing.views import render_view
    from UNetSegmentPlugin.widgets.widths import MINIMUM_WIDTH

    volume = slicer.util.loadVolume(str(TORSO))
    volume.SetName("CT torso")
    display = volume.GetScalarVolumeDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(400.0, 60.0)
    panel.parameters.input_volume = volume
    support.enter()
    panel.correct.root.collapsed = False
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red = view("Red")
    red.mrmlSliceNode().JumpSliceByCentering(*PLACE)
    field = red.mrmlSliceNode().GetFieldOfView()
    red.mrmlSliceNode().SetFieldOfView(160.0, 120.0, field[2])
    tool = panel.correct.editor.effectByName(NAME).self().tool
    tool.choose_tool("scribble")
    width, height, _depth = red.mrmlSliceNode().GetDimensions()
    x, y = width // 2, height // 2
    stroke = [(x - 26, y + 4), (x - 10, y + 12), (x + 6, y + 10), (x + 22, y + 2)]
    drag(red, stroke, release=False)
    render_view(folder / "correct-drawn.png", red)
    drag(red, stroke)
    support.wait_until(lambda: not tool.correction.busy, 60, "the answer")
    render_view(folder / "correct-answer.png", red)
    tool.choose_tool("point")
    drag(red, [(x + 28, y - 6)], control=True)
    support.wait_until(lambda: not tool.correction.busy, 60, "the answer")
    support.process_events()
    own = panel.run.root.minimumWidth
    panel.run.root.setMinimumWidth(MINIMUM_WIDTH)
    for section in panel.sections:
        if section is not panel.correct and section.root.inherits("ctkCollapsibleButton"):
            section.root.collapsed = True
    both(folder / "panel-correct.png", widget, MINIMUM_WIDTH + 18)
    panel.run.root.setMinimumWidth(own)
    compose(
        *(folder / name for name in ("correct.png", "panel-correct.png", "correct-drawn.png", "correct-answer.png"))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots")
    sys.stdout.flush()
    # As in screenshots.py.
    os._exit(0)
