"""Draws the pictures of "Save as DICOM" in the section Report: ready, at work, saved, and what cannot be saved.

    python Testing/Slicer/screenshots_dicom.py [FOLDER] [WIDTH]

Needs highdicom.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

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
    draw_dicom(folder, widget, panel, width)
    panel.cleanup()


def draw_dicom(folder: Path, widget, panel, width: int) -> None:
    """The part behind the button of the section Report."""
    import dicom_desk
    import screenshots_training as training
    import support
    from panel_pictures import both

    with dicom_desk.opened() as desk, training.alone(panel, panel.report), contextlib.chdir(desk.folder.parent):
        panel.parameters.result = dicom_desk.write(desk)
        panel.report.measure()
        panel.report.root.collapsed = False
        panel.report.ui.dicomButton.checked = True
        # Nobody's path belongs into a picture.
        panel.dicom.ui.dicomFolderEdit.text = str(Path(desk.folder.name) / "UNetSegment")
        panel.dicom.ui.dicomDatabaseBox.checked = True
        both(folder / "panel-dicom.png", widget, width)
        panel.dicom.save()
        support.wait_until(lambda: panel.dicom.export.step > 0 or panel.dicom.export.state.final, 120, "the series")
        both(folder / "panel-dicom-running.png", widget, width)
        panel.dicom.export.wait()
        support.process_events()
        both(folder / "panel-dicom-saved.png", widget, width)
        desk.volume.RemoveAttribute("DICOM.instanceUIDs")
        panel.dicom.save()
        both(folder / "panel-dicom-refused.png", widget, width)
        panel.report.ui.dicomButton.checked = False


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "Resources" / "Screenshots"
    main(target, int(sys.argv[2]) if len(sys.argv) > 2 else 360)
    sys.stdout.flush()
    # Interpreter shutdown destroys Qt and VTK objects in any order; nothing is left to do here.
    os._exit(0)
