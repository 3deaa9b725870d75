"""What a training learns from: pairs of the scene, in rows, or a folder of cases."""

import html

import qt
import slicer
from slicer.i18n import tr as _

from ..scene.volumes import IMAGE_CLASSES
from ..training import checks as training_checks
from ..training import pairs as training_pairs
from ..training.checks import Found
from ..training.pairs import Pair
from ..training.voxels import key_of
from ..widgets.drop_area import DropArea
from ..widgets.texts import set_text
from .section import discard, select_data, set_buddies

_CHECKED, _UNCHECKED = qt.Qt.Checked, qt.Qt.Unchecked
_SHOWN_SEGMENTS = 5


class TrainSource:
    """The upper part of the section Train.

    Args:
        panel: the panel.
    """

    def __init__(self, panel) -> None:
        self.panel = panel
        content = slicer.util.loadUI(panel.resource_path("UI/TrainSource.ui"))
        self.ui = slicer.util.childWidgetVariables(content)
        self.root = DropArea(content, self.choose_folder)
        self._rows: list[PairRow] = []
        self._listed: tuple = ()
        self._looked: tuple[tuple, Found] = ((), Found())
        self._grid = self.ui.trainPairsFrame.layout().itemAt(0).layout()
        set_buddies(self.ui, trainSourceLabel="trainSourceBox", trainSegmentsLabel="trainSegmentList")
        self.ui.trainSourceBox.addItem(_("Pairs in this scene"), False)
        self.ui.trainSourceBox.addItem(_("A folder of cases"), True)
        self.ui.trainSourceBox.connect("currentIndexChanged(int)", self._on_source)
        self.ui.addPairButton.connect("clicked()", self.add_pair)
        self.ui.findPairsButton.connect("clicked()", self.find_pairs)
        self.ui.trainFolderButton.connect("clicked()", self._on_browse)
        self.ui.trainSegmentList.connect("itemChanged(QListWidgetItem*)", self._on_segment)

    @property
    def pairs(self) -> list[Pair]:
        """The rows that are filled in."""
        return [pair for pair in training_pairs.pairs(self.panel.parameters) if pair.complete]

    @property
    def left_out(self) -> list[str]:
        """Keys of the segments that are not to be learned."""
        return [key for key in self.panel.parameters.train_left_out.split("\n") if key]

    def look(self, recipe: str, held_out: bool) -> Found:
        """What the source holds, and what is wrong with it."""
        parameters = self.panel.parameters
        if not parameters.train_from_folder:
            return training_checks.check_pairs(training_pairs.pairs(parameters), self.left_out, held_out)
        # Another disk may be slow to answer; what was asked once is not asked at every click.
        key = (parameters.train_folder, recipe, held_out)
        if self._looked[0] != key:
            self._looked = key, training_checks.check_folder(*key)
        return self._looked[1]

    def show(self, found: Found) -> None:
        """Shows the parameters, and what :meth:`look` has found."""
        parameters = self.panel.parameters
        select_data(self.ui.trainSourceBox, parameters.train_from_folder)
        self.ui.trainPairsFrame.setVisible(not parameters.train_from_folder)
        self.ui.trainFolderFrame.setVisible(parameters.train_from_folder)
        set_text(self.ui.trainFolderLabel, html.escape(found.facts, quote=False))
        if not parameters.train_from_folder:
            self._show_rows(training_pairs.pairs(parameters))
            self._show_segments(found.segments, len(self.pairs))

    def forget(self) -> None:
        """The folder may have changed since."""
        self._looked = ((), Found())

    def add_pair(self) -> None:
        """One more row."""
        self._change(lambda rows: [*rows, Pair()])

    def find_pairs(self) -> None:
        """Fills the rows with every pair of the scene that can be told by reference or name, and keeps the others."""
        found = training_pairs.find_pairs()
        known = {pair.segmentation for pair in found}
        self._change(
            lambda rows: [*found, *(pair for pair in rows if pair.complete and pair.segmentation not in known)]
        )

    def choose_folder(self, path: str) -> None:
        """Learns from a folder."""
        self.forget()
        self.panel.parameters.train_from_folder = True
        self.panel.parameters.train_folder = path

    def close(self) -> None:
        """The panel goes."""
        self._show_rows([])

    def _change(self, change) -> None:
        if self.panel.parameters is not None:
            training_pairs.set_pairs(self.panel.parameters, change(training_pairs.pairs(self.panel.parameters)))
            self.panel.refresh()

    def _set(self, number: int, pair: Pair) -> None:
        self._change(lambda rows: [*rows[:number], pair, *rows[number + 1 :]])

    def _remove(self, number: int) -> None:
        self._change(lambda rows: [*rows[:number], *rows[number + 1 :]])

    def _show_rows(self, pairs: list[Pair]) -> None:
        while len(self._rows) > len(pairs):
            self._rows.pop().remove_from(self._grid)
        while len(self._rows) < len(pairs):
            self._rows.append(PairRow(len(self._rows), self._grid, self._set, self._remove))
        for row, pair in zip(self._rows, pairs, strict=True):
            row.show(pair)

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

    def _on_source(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.forget()
            self.panel.parameters.train_from_folder = bool(self.ui.trainSourceBox.itemData(index))

    def _on_browse(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(
            self.root, _("Folder of cases"), self.panel.parameters.train_folder or ""
        )
        if path:
            self.choose_folder(path)


class PairRow:
    """One row: an image, its segmentation, and a button that takes the row away.

    Args:
        number: of the row.
        grid: the layout that the widgets go into.
        on_change, on_remove: get the row's number (and its new pair).
    """

    def __init__(self, number: int, grid, on_change, on_remove) -> None:
        self._number, self._on_change = number, on_change
        self.volume = self._selector(f"trainVolumeSelector{number}", list(IMAGE_CLASSES), _("Image"))
        self.segmentation = self._selector(
            f"trainSegmentationSelector{number}", ["vtkMRMLSegmentationNode"], _("Segmentation")
        )
        self.button = qt.QToolButton()
        self.button.objectName = f"removePairButton{number}"
        self.button.text = "\N{MULTIPLICATION SIGN}"
        self.button.toolTip = _("Take this pair off the list. The scene keeps both.")
        self.button.setAutoRaise(True)
        self.button.connect("clicked()", lambda: on_remove(number))
        for column, widget in enumerate((self.volume, self.segmentation, self.button)):
            grid.addWidget(widget, number, column)

    def show(self, pair: Pair) -> None:
        """Shows a pair."""
        for selector, node in ((self.volume, pair.volume), (self.segmentation, pair.segmentation)):
            blocked = selector.blockSignals(True)
            selector.setCurrentNode(node)
            selector.blockSignals(blocked)

    def remove_from(self, grid) -> None:
        """The row goes."""
        for widget in (self.volume, self.segmentation, self.button):
            grid.removeWidget(widget)
            discard(widget)

    def _selector(self, name: str, classes: list[str], what: str):
        selector = slicer.qMRMLNodeComboBox()
        selector.objectName = name
        selector.nodeTypes = classes
        selector.showChildNodeTypes = False
        selector.addEnabled = False
        selector.removeEnabled = False
        selector.noneEnabled = True
        selector.noneDisplay = what
        selector.toolTip = _("{what} of pair {number}").format(what=what, number=self._number + 1)
        selector.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        selector.setMRMLScene(slicer.mrmlScene)
        # Not currentNodeChanged: where a chosen node is removed, the box goes to its neighbour by itself.
        selector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self._changed())
        return selector

    def _changed(self) -> None:
        self._on_change(self._number, Pair(self.volume.currentNode(), self.segmentation.currentNode()))
