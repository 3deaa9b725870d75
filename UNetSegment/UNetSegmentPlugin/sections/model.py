"""Model: chosen on one line, its card folded to two, and the ways to bring more."""

import html
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from ..compressing import checks as compressing_checks
from ..installing.model_import import ModelImport
from ..models import cards, catalog, expectation, forms, licences
from ..running import hosts
from ..widgets import questions
from ..widgets.drop_area import DropArea
from ..widgets.label_list import LabelList
from ..widgets.texts import set_text
from ..widgets.widths import FittedLabel
from .model_chooser import ModelChooser
from .section import Section, set_tab_order


class ModelSection(Section):
    """The card belongs to the chosen model. What has to be read before the first use is never folded away."""

    ui_file = "Model.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._with_labels = False
        self._labels = LabelList(self.ui.labelSearchBox, self.ui.labelList)
        self.chooser = ModelChooser(
            slicer.util.loadUI(panel.resource_path("UI/ModelList.ui")), self.panel.choose_model, self.panel.show_library
        )
        self.finds, self.facts = FittedLabel("modelFindsLabel"), FittedLabel("modelFactsLabel")
        self._lay_out()
        self.finds.connect("linkActivated(QString)", self._on_link)
        self.ui.modelCardLabel.connect("linkActivated(QString)", self._on_link)
        self.ui.modelMoreButton.connect("toggled(bool)", lambda whole: self.refresh())
        self.ui.acceptLicenceButton.connect("clicked()", self._on_accept)
        self.ui.quickVersionButton.connect("clicked()", lambda: panel.show_quick())
        self.ui.modelFolderButton.connect("clicked()", self._on_folder)
        self.ui.removeModelButton.connect("clicked()", self._on_remove)
        self.importing = ModelImport(panel, self.ui)
        self.root = DropArea(self.root, self.importing.start)
        self.fill()

    def fill(self) -> None:
        """Lists the models anew."""
        self.chooser.fill(self.panel.cards)

    def refresh(self) -> None:
        """See Section.refresh."""
        card = self.panel.card
        self.chooser.show(card)
        for widget in (self.finds, self.facts, self.ui.modelMoreButton):
            widget.setVisible(card is not None)
        if card is None:
            self.ui.licenceFrame.hide()
            self.ui.modelCardFrame.hide()
        else:
            self._show_card(card)

    def on_run(self, run) -> None:
        """See Section.on_run."""
        if run is not None and run.state.final:
            self.refresh()

    def close(self) -> None:
        """See Section.close."""
        self.importing.close()

    def _lay_out(self) -> None:
        grid = self.ui.modelGridLayout
        grid.addWidget(self.chooser.box, 0, 1)
        grid.addWidget(self.finds, 1, 1, 1, 2)
        self.ui.modelFactsLayout.insertWidget(0, self.facts)
        self.ui.modelFactsLayout.setStretch(0, 1)
        self.ui.modelLabel.setBuddy(self.chooser.box)
        set_tab_order(
            self.chooser.box,
            self.ui.importButton,
            self.finds,
            self.ui.modelMoreButton,
            self.ui.importCancelButton,
            self.ui.acceptLicenceButton,
            self.ui.modelCardLabel,
            self.ui.labelSearchBox,
            self.ui.labelList,
            self.ui.quickVersionButton,
            self.ui.modelFolderButton,
            self.ui.removeModelButton,
        )

    def _show_card(self, card) -> None:
        seconds, chosen = None, self.panel.parameters
        if chosen is not None:
            device = hosts.device_at(hosts.chosen(), chosen.device)
            seconds = expectation.recall(card.name, device, chosen.preset)
        self._show_folded(card, seconds)
        whole = self.ui.modelMoreButton.checked
        own = not licences.is_bundled(card.name)
        many = self._with_labels and len(card.labels) > cards.FEW_LABELS
        self.ui.modelMoreButton.text = _("L&ess") if whole else _("Mor&e")
        self.ui.modelCardFrame.setVisible(whole or many)
        self.ui.modelCardLabel.setVisible(whole)
        refused = compressing_checks.check_model(card)
        quick = forms.quick_text(card) or (_("not possible") if refused else _("none yet"))
        self.ui.modelCardLabel.text = cards.card_html(
            card, expectation.in_words(seconds), quick, hosts.name_of(hosts.chosen())
        )
        self.ui.quickVersionButton.setVisible(whole)
        self.ui.quickVersionButton.enabled = not refused
        self.ui.quickVersionButton.toolTip = " ".join(refused) or _(
            "An 8-bit form of the model: smaller, and several times as fast on processors; what it costs is measured."
        )
        self.ui.modelFolderButton.setVisible(whole and own)
        self.ui.removeModelButton.setVisible(whole and own)
        self._labels.set_visible(many)
        if many:
            self._labels.show((label.name, label.color) for label in card.labels)
        asking = licences.must_be_accepted(card)
        self.ui.licenceFrame.setVisible(asking)
        set_text(self.ui.licenceLabel, cards.licence_html(card) if asking else "")

    def _show_folded(self, card, seconds: float | None) -> None:
        finds, facts = self.finds, self.facts
        finds.show_fitted(lambda width, ruler: cards.finds_html(card, width, ruler.advance))
        finds.toolTip = html.escape(cards.names_tip(card))
        text = cards.facts_text(card, seconds, hosts.name_of(hosts.chosen()))
        facts.show_fitted(lambda width, ruler: html.escape(ruler.elided(text, width), quote=False))
        facts.toolTip = html.escape(text)

    def _on_link(self, link: str) -> None:
        if link == cards.LABELS:
            self._with_labels = not self._with_labels
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
