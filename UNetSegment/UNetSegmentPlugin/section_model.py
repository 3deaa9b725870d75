"""Model: a searchable list, the card of the chosen model, and the ways to bring more."""

from pathlib import Path

import qt

from UNetSegmentLib.errors import UNetSegmentError

from . import cards, catalog, expectation, licences, questions
from .drop_area import DropArea
from .label_list import LabelList
from .model_import import ModelImport
from .section import Section, set_text

_VISIBLE_ROWS = 4


class ModelSection(Section):
    """The list shows what the search lets through; the card belongs to the chosen model, even while filtered out."""

    ui_file = "Model.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._whole_card = self._with_labels = False
        self._labels = LabelList(self.ui.labelSearchBox, self.ui.labelList)
        self.ui.modelSearchBox.connect("textChanged(QString)", lambda text: self._filter())
        self.ui.modelList.connect("currentRowChanged(int)", self._on_row)
        self.ui.modelCardLabel.connect("linkActivated(QString)", self._on_link)
        self.ui.acceptLicenceButton.connect("clicked()", self._on_accept)
        self.ui.modelFolderButton.connect("clicked()", self._on_folder)
        self.ui.removeModelButton.connect("clicked()", self._on_remove)
        self.ui.libraryButton.connect("clicked()", lambda: self.panel.show_library())
        self.importing = ModelImport(panel, self.ui)
        self.root = DropArea(self.root, self.importing.start)
        self.fill()

    def fill(self) -> None:
        """Lists the models anew."""
        view = self.ui.modelList
        blocked = view.blockSignals(True)
        view.clear()
        for row, card in enumerate(self.panel.cards):
            view.addItem(f"{card.title}\n{catalog.subtitle(card)}")
            view.item(row).setToolTip(card.description)
        view.blockSignals(blocked)
        self._filter()

    def reveal(self, name: str) -> None:
        """Makes sure that a model is seen in the list."""
        self.ui.modelSearchBox.text = ""
        names = [card.name for card in self.panel.cards]
        if name in names:
            self.ui.modelList.scrollToItem(self.ui.modelList.item(names.index(name)))

    def refresh(self) -> None:
        """See Section.refresh."""
        card = self.panel.card
        names = [other.name for other in self.panel.cards]
        blocked = self.ui.modelList.blockSignals(True)
        self.ui.modelList.setCurrentRow(names.index(card.name) if card is not None else -1)
        self.ui.modelList.blockSignals(blocked)
        self.ui.modelCardFrame.setVisible(card is not None)
        if card is not None:
            self._show_card(card)

    def on_run(self, run) -> None:
        """See Section.on_run."""
        if run is not None and run.state.final:
            self.refresh()

    def close(self) -> None:
        """See Section.close."""
        self.importing.close()

    def _show_card(self, card) -> None:
        self.ui.modelCardLabel.text = cards.card_html(card, self._expected(card), self._whole_card)
        many = self._with_labels and len(card.labels) > cards.FEW_LABELS
        self._labels.set_visible(many)
        if many:
            self._labels.show((label.name, label.color) for label in card.labels)
        asking = licences.must_be_accepted(card)
        self.ui.licenceFrame.setVisible(asking)
        set_text(self.ui.licenceLabel, cards.licence_html(card) if asking else "")
        own = not licences.is_bundled(card.name)
        self.ui.modelFolderButton.setVisible(own)
        self.ui.removeModelButton.setVisible(own)

    def _expected(self, card) -> str:
        chosen = self.panel.parameters
        if chosen is None:
            return expectation.in_words(None)
        return expectation.in_words(expectation.recall(card.name, chosen.device, chosen.preset))

    def _filter(self) -> None:
        view, text = self.ui.modelList, self.ui.modelSearchBox.text
        shown = 0
        for row, card in enumerate(self.panel.cards):
            fits = catalog.matches(card, text)
            view.item(row).setHidden(not fits)
            shown += fits
        height = max((view.sizeHintForRow(row) for row in range(len(self.panel.cards))), default=0)
        rows = min(max(shown, 1), _VISIBLE_ROWS)
        view.setFixedHeight(rows * (max(height, 20) + 2 * view.spacing) + 2 * view.frameWidth + 2)

    def _on_row(self, row: int) -> None:
        if self.panel.parameters is not None and 0 <= row < len(self.panel.cards):
            self.panel.parameters.model = self.panel.cards[row].name

    def _on_link(self, link: str) -> None:
        if link == cards.LABELS:
            self._with_labels = not self._with_labels
        else:
            self._whole_card = link == cards.MORE
        self.refresh()

    def _on_accept(self) -> None:
        card = self.panel.card
        licences.accept(card.name, card.licence)
        self.panel.refresh()

    def _on_folder(self) -> None:
        package = Path(catalog.locate(self.panel.card.name))
        folder = package if package.is_dir() else package.parent
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def _on_remove(self) -> None:
        card = self.panel.card
        if not questions.may_remove(self.root, card.title):
            return
        try:
            catalog.remove(card.name)
        except UNetSegmentError as error:
            self.panel.show_problem(error)
            return
        self.panel.reload_models()
        self.panel.choose_any_model()
