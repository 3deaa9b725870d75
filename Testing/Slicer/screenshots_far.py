"""Draws the pictures of "Where it runs": a host that was tried, one that lacks something, a run at work there.

    python Testing/Slicer/screenshots_far.py [FOLDER] [WIDTH]

The host is this computer, behind a program that stands in for ssh.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def main(folder: Path, width: int) -> None:
    """Writes the pictures of this section alone to ``folder``."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    import SlicerHarness

    folder.mkdir(parents=True, exist_ok=True)
    SlicerHarness.boot()
    import support
    from SlicerHarness.application import factory

    module = factory.load(REPOSITORY / "UNetSegment" / "UNetSegment.py")
    widget, panel = module.widgetRepresentation(), support.panel().panel
    panel.run.root.setMinimumWidth(0)
    with tempfile.TemporaryDirectory(prefix="far-desk-") as place:
        draw_far(folder, widget, panel, width, Path(place))
    panel.cleanup()


def draw_far(folder: Path, widget, panel, width: int, place: Path) -> None:
    """The lines in Advanced, and a run."""
    import far_desk
    import known_models
    import screenshots_training as training
    import support
    from panel_pictures import both
    from test_slicer_panel import GRIDS, ball_volume

    with known_models.at_hand():
        host = far_desk.FarHost(place)
        far_desk.use(host)
        panel.reload_models()
        panel.parameters.input_volume = ball_volume(GRIDS["oblique"], name="T1 head")
        panel.parameters.model = "threshold-slow"
        with training.alone(panel, panel.advanced):
            panel.advanced.root.collapsed = False
            panel.where.root.show()
            _try(panel, support)
            both(folder / "panel-where.png", widget, width)
            (place / "off").touch()
            _try(panel, support)
            both(folder / "panel-where-refused.png", widget, width)
            (place / "off").unlink()
            panel.advanced.root.collapsed = True
        with mock.patch.object(panel.runner.permission, "ask", lambda run: True):
            panel.segment()
            run = panel.runner.runs[0]
            support.wait_until(lambda: run.progress is not None and run.progress.stage == "segment", 180, "the run")
            both(folder / "panel-far-running.png", widget, width)
            panel.runner.wait(run)
        support.process_events()
        both(folder / "panel-far-result.png", widget, width)
        far_desk.use(None)


def _try(panel, support) -> None:
    panel.where.ui.hostTestButton.click()
    support.wait_until(lambda: panel.where.ui.hostTestButton.text == "Test", 120, "the trial")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots"
    main(target, int(sys.argv[2]) if len(sys.argv) > 2 else 360)
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)
