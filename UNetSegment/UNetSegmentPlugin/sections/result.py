"""Result: where the segments go."""

import slicer
from slicer.i18n import tr as _

from ..scene import results
from .section import Section, select_data, set_buddies


class ResultSection(Section):
    """The way of merging, and the segmentation to merge into."""

    ui_file = "Result.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        set_buddies(self.ui, policyLabel="policyBox", targetLabel="targetSelector")
        self._hints = {
            results.NEW: _("Made beside the image; nothing else is changed."),
            results.REPLACE: _("Segments of the same name get the new voxels in place of their own."),
            results.ADD: _("Segments of the same name get the new voxels on top of their own."),
            results.EMPTY: _("Only voxels that no segment holds yet are filled."),
        }
        for policy, title in (
            (results.NEW, _("A new segmentation")),
            (results.REPLACE, _("Replace its segments")),
            (results.ADD, _("Add to its segments")),
            (results.EMPTY, _("Only where it is empty")),
        ):
            self.ui.policyBox.addItem(title, policy)
        self.ui.policyBox.connect("currentIndexChanged(int)", self._on_policy)
        self.ui.targetSelector.setMRMLScene(slicer.mrmlScene)

    def refresh(self) -> None:
        """See Section.refresh."""
        parameters = self.panel.parameters
        if parameters is None:
            return
        policy = parameters.policy
        select_data(self.ui.policyBox, policy)
        merging = policy != results.NEW
        self.ui.targetLabel.setVisible(merging)
        self.ui.targetSelector.setVisible(merging)
        kept = _("Completed and hidden segments are never touched. Undo is in the section Correct.")
        self.ui.policyHintLabel.text = f"{self._hints[policy]} {kept}" if merging else self._hints[policy]

    def _on_policy(self, index: int) -> None:
        parameters = self.panel.parameters
        if parameters is None or index < 0:
            return
        parameters.policy = self.ui.policyBox.itemData(index)
        if parameters.policy != results.NEW and parameters.target is None:
            parameters.target = parameters.result
