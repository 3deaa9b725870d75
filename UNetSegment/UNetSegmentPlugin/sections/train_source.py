"""What a training learns from: its cases, and which of their segments."""

import qt
from slicer.i18n import tr as _

from ..training import checks as training_checks
from ..training.checks import Found
from ..training.voxels import key_of
from .case_source import CaseSource
from .section import set_buddies

_CHECKED, _UNCHECKED = qt.Qt.Checked, qt.Qt.Unchecked
_SHOWN_SEGMENTS = 5


class TrainSource(CaseSource):
    """The upper part of the section Train.

    Args:
        panel: the panel.
    """

    def __init__(self, panel) -> None:
        super().__init__(panel, "train_from_folder", "train_folder")
        self._listed: tuple = ()
        set_buddies(self.ui, trainSegmentsLabel="trainSegmentList")
        self.ui.trainSegmentList.connect("itemChanged(QListWidgetItem*)", self._on_segment)

    @property
    def left_out(self) -> list[str]:
        """Keys of the segments that are not to be learned."""
        return [key for key in self.panel.parameters.train_left_out.split("\n") if key]

    def look(self, recipe: str, held_out: bool) -> Found:
        """What the source holds, and what is wrong with it."""
        if not self.from_folder:
            return training_checks.check_pairs(self.rows, self.left_out, held_out)
        key = (self.folder, recipe, held_out)
        return self._once(key, lambda: training_checks.check_folder(*key))

    def show(self, found: Found) -> None:
        """See CaseSource.show."""
        super().show(found)
        if not self.from_folder:
            self._show_segments(found.segments, len(self.pairs))

    def _show_segments(self, found: tuple[tuple[str, int], ...], pairs: int) -> None:
        listed = (found, pairs, tuple(self.left_out))
        view = self.ui.trainSegmentList
        for widget in (view, self.ui.trainSegmentsLabel):
            widget.setVisible(bool(found))
        if listed == self._listed:
            return
        self._listed = listed
        blocked = view.blockSignals(True)
        view.clear()
        for row, (name, count) in enumerate(found):
            text = name if count == pairs else _("{name} ({count} of {pairs} pairs)").format(
                name=name, count=count, pairs=pairs
            )  # fmt: skip
            view.addItem(text)
            view.item(row).setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
            view.item(row).setCheckState(_UNCHECKED if key_of(name) in self.left_out else _CHECKED)
        view.blockSignals(blocked)
        height = max(view.sizeHintForRow(0), 16) if found else 16
        view.setFixedHeight(min(len(found), _SHOWN_SEGMENTS) * height + 2 * view.frameWidth + 2)

    def _on_segment(self, item) -> None:
        names = [key_of(name) for name, _count in self._listed[0]]
        view = self.ui.trainSegmentList
        ticked = [view.item(row).checkState() == _CHECKED for row in range(len(names))]
        unticked = [name for name, on in zip(names, ticked, strict=True) if not on]
        # What is in no pair just now keeps its choice.
        others = [key for key in self.left_out if key not in names]
        self.panel.parameters.train_left_out = "\n".join([*others, *unticked])
