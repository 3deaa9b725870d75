"""Model: a searchable list and the card of the chosen model."""

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from . import catalog, expectation
from .section import Section

_VISIBLE_ROWS = 4


class ModelSection(Section):
    """The list shows what the search lets through; the card belongs to the chosen model, even while filtered out."""

    ui_file = "Model.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._whole_card = False
        self.ui.modelSearchBox.connect("textChanged(QString)", lambda text: self._filter())
        self.ui.modelList.connect("currentRowChanged(int)", self._on_row)
        self.ui.addModelButton.connect("clicked()", self._on_add)
        self.ui.modelCardLabel.connect("linkActivated(QString)", self._on_link)
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

    def refresh(self) -> None:
        """See Section.refresh."""
        card = self.panel.card
        names = [other.name for other in self.panel.cards]
        blocked = self.ui.modelList.blockSignals(True)
        self.ui.modelList.setCurrentRow(names.index(card.name) if card is not None else -1)
        self.ui.modelList.blockSignals(blocked)
        self.ui.modelCardFrame.setVisible(card is not None)
        text = catalog.card_html(card, self._expected(card), self._whole_card) if card is not None else ""
        self.ui.modelCardLabel.text = text

    def on_run(self, run) -> None:
        """See Section.on_run."""
        if run is not None and run.state.final:
            self.refresh()

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
        self._whole_card = link == "more"
        self.refresh()

    def _on_add(self) -> None:
        path = qt.QFileDialog.getOpenFileName(
            self.root, _("Add a model package"), "", _("Model packages") + " (*.zip)"
        )  # fmt: skip
        if not path:
            return
        try:
            card = catalog.add_package(path)
        except UNetSegmentError as error:
            self.panel.show_problem(error)
            return
        self.panel.reload_models()
        self.panel.parameters.model = card.name
