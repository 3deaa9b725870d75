"""Cases that the user points at: pairs of the scene, in rows, or a folder."""

import html
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..scene.volumes import IMAGE_CLASSES
from ..training import pairs as training_pairs
from ..training.checks import Found
from ..training.pairs import Pair
from ..widgets.drop_area import DropArea
from ..widgets.texts import set_text
from .section import discard, select_data, set_buddies


class CaseSource:
    """What the sections Train and Quick version have in common. The rows of pairs are one list of the scene, which both
    show; each has a folder of its own.

    Args:
        panel: the panel.
        from_folder, folder: names of the parameters that hold the choice and the path.
    """

    def __init__(self, panel, from_folder: str, folder: str) -> None:
        self.panel = panel
        self._names = from_folder, folder
        content = slicer.util.loadUI(panel.resource_path("UI/TrainSource.ui"))
        self.ui = slicer.util.childWidgetVariables(content)
        self.ui.trainFolderEdit.setProperty("SlicerParameterName", folder)
        self.root = DropArea(content, self.choose_folder)
        self._rows: list[PairRow] = []
        self._looked: tuple[tuple, Found] = ((), Found())
        self._grid = self.ui.trainPairsFrame.layout().itemAt(0).layout()
        set_buddies(self.ui, trainSourceLabel="trainSourceBox")
        self.ui.trainSourceBox.addItem(_("Pairs in this scene"), False)
        self.ui.trainSourceBox.addItem(_("A folder of cases"), True)
        self.ui.trainSourceBox.connect("currentIndexChanged(int)", self._on_source)
        self.ui.addPairButton.connect("clicked()", self.add_pair)
        self.ui.findPairsButton.connect("clicked()", self.find_pairs)
        self.ui.trainFolderButton.connect("clicked()", self._on_browse)

    @property
    def from_folder(self) -> bool:
        """Whether a folder is chosen rather than pairs."""
        return getattr(self.panel.parameters, self._names[0])

    @property
    def folder(self) -> str:
        """The chosen folder, as it was typed."""
        return getattr(self.panel.parameters, self._names[1])

    @property
    def path(self) -> str:
        """The chosen folder, for other processes."""
        return str(Path(self.folder).expanduser().absolute())

    @property
    def rows(self) -> list[Pair]:
        """The rows as they are, filled in or not."""
        return training_pairs.pairs(self.panel.parameters)

    @property
    def pairs(self) -> list[Pair]:
        """The rows that are filled in."""
        return [pair for pair in self.rows if pair.complete]

    def show(self, found: Found) -> None:
        """Shows the parameters, and what a look at the cases has found."""
        select_data(self.ui.trainSourceBox, self.from_folder)
        self.ui.trainPairsFrame.setVisible(not self.from_folder)
        self.ui.trainFolderFrame.setVisible(self.from_folder)
        set_text(self.ui.trainFolderLabel, html.escape(found.facts, quote=False))
        if not self.from_folder:
            self._show_rows(self.rows)

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
        """Takes the cases of a folder."""
        self.forget()
        setattr(self.panel.parameters, self._names[0], True)
        setattr(self.panel.parameters, self._names[1], path)

    def close(self) -> None:
        """The panel goes."""
        self._show_rows([])

    def _once(self, key: tuple, look) -> Found:
        """Another disk may be slow to answer; what was asked once is not asked at every click."""
        if self._looked[0] != key:
            self._looked = key, look()
        return self._looked[1]

    def _change(self, change) -> None:
        if self.panel.parameters is not None:
            training_pairs.set_pairs(self.panel.parameters, change(self.rows))
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

    def _on_source(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.forget()
            setattr(self.panel.parameters, self._names[0], bool(self.ui.trainSourceBox.itemData(index)))

    def _on_browse(self) -> None:
        path = qt.QFileDialog.getExistingDirectory(self.root, _("Folder of cases"), self.folder or "")
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
