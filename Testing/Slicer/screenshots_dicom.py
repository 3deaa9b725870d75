"""Draws the pictures of "Save as DICOM" in the section Report: ready, at work, saved, and what cannot be saved.

    python Testing/Slicer/screenshots_dicom.py [FOLDER] [WIDTH]

Needs highdicom.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from panel_pictures import both, draw_alone


def draw_dicom(folder: Path, widget, panel, width: int) -> None:
    """The part behind the button of the section Report."""
    import dicom_desk
    import screenshots_training as training
    import support

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
    draw_alone(draw_dicom)
