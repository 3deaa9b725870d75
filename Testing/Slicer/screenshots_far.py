"""Draws the pictures of "Where it runs": a host that was tried, one that lacks something, a run at work there.

    python Testing/Slicer/screenshots_far.py [FOLDER] [WIDTH]

The host is this computer, behind a program that stands in for ssh.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from panel_pictures import both, draw_alone


def draw_far(folder: Path, widget, panel, width: int) -> None:
    """The lines in Advanced, and a run."""
    import far_desk
    import known_models
    import screenshots_training as training
    import support
    from test_slicer_panel import GRIDS, ball_volume

    with tempfile.TemporaryDirectory(prefix="far-desk-") as temporary, known_models.at_hand():
        place = Path(temporary)
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
    draw_alone(draw_far)
