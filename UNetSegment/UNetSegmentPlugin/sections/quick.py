"""Quick version: an 8-bit form of the chosen model, made on cases that show what it costs. Opened from the model's
card."""

import html

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.worker.protocol.compression import CompressionOrder

from .. import problems
from ..compressing import checks, naming, words
from ..installing import environment
from ..models import catalog, forms, licences
from ..problems import problem_html, warning_html
from ..running import far_words
from ..running.runs import RunState
from ..training.checks import Found
from ..training.export import PairExport
from ..widgets.texts import set_text
from ..widgets.widths import bring_into_view
from .case_source import CaseSource
from .section import Section, select_data, set_buddies


class QuickSection(Section):
    """Hidden until the model's card asks for it. Problems stand under the button, what came of it under the bar."""

    ui_file = "Quick.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._wanted = False
        # What came of the last one stands there alone, until another one is asked for.
        self._finished = ""
        self._problem: UNetSegmentError | str | None = None
        self.source = QuickSource(panel)
        self.ui.quickForm.layout().insertWidget(0, self.source.root)
        set_buddies(self.ui, quickLossLabel="quickLossBox")
        for loss in words.LOSSES:
            self.ui.quickLossBox.addItem(words.loss_text(loss), loss)
        self.ui.quickLossBox.connect("currentIndexChanged(int)", self._on_loss)
        self.ui.quickButton.connect("clicked()", self.start)
        self.ui.quickAgainButton.connect("clicked()", self.show)
        self.ui.quickInstallButton.connect("clicked()", self._on_install)
        self.ui.quickCancelButton.connect("clicked()", panel.compressor.cancel)
        self.ui.quickUseButton.connect("clicked()", self._on_use)
        self.ui.quickLogButton.connect("toggled(bool)", lambda shown: self._show_log())
        for label in (self.ui.quickProblemLabel, self.ui.quickErrorLabel):
            label.connect("linkActivated(QString)", self._on_link)
        panel.compressor.observe(self._on_compression)

    def show(self) -> None:
        """Opens the section and scrolls to it."""
        self._wanted = True
        self._finished = ""
        self.source.forget()
        self.root.collapsed = False
        self.refresh()
        bring_into_view(self.ui.quickButton)
        bring_into_view(self.root)

    def refresh(self) -> None:
        """See Section.refresh."""
        compressor = self.panel.compressor
        # A script may have started one.
        self._wanted = self._wanted or compressor.busy
        self.root.setVisible(self._wanted)
        if self.panel.parameters is None or self.root.collapsed:
            return
        card = self.panel.card
        finished = self._finished and card is not None and card.name == self._finished
        asking = not compressor.busy and not finished
        self.ui.quickForm.setVisible(asking)
        self.ui.quickButton.setVisible(asking)
        self.ui.quickAgainButton.setVisible(not compressor.busy and not asking)
        self.ui.quickInstallButton.setVisible(asking and bool(environment.missing_for_quick_versions()))
        if asking:
            self._show_form(card)
        else:
            about = self._at_work() if compressor.busy else ""
            set_text(self.ui.quickModelLabel, html.escape(about, quote=False))
            self._show_problems([])
        self._show_compression()

    def errors(self, found: Found | None = None) -> list[str]:
        """Everything that keeps a quick version from being made, in words."""
        parameters, card = self.panel.parameters, self.panel.card
        if parameters is None:
            return [_("The scene is being loaded.")]
        if self.panel.setup.problem is not None:
            return [_("Something is missing: see Setup above.")]
        if card is None:
            return [_("Choose a model.")]
        refused = checks.check_model(card)
        if refused:
            return refused
        errors = []
        missing = environment.missing_for_quick_versions()
        if missing:
            errors.append(_("Needs {packages}, which are not installed.").format(packages=_names(missing)))
        if licences.must_be_accepted(card):
            errors.append(_("Read and accept the licence of the model first."))
        target = naming.target_of(card, self.panel.cards)
        if target.problem:
            errors.append(target.problem)
        return [*errors, *(found or self._look()).errors]

    def start(self) -> None:
        """Starts making the quick version that the section describes; problems stand under the button."""
        self.source.forget()
        if self.panel.compressor.busy or self.errors():
            self.panel.refresh()
            return
        self._problem, self._finished = None, ""
        try:
            order, pairs = self.order()
            self.panel.compressor.begin(order, self.panel.card, pairs)
        except UNetSegmentError as error:
            self._problem = error
        self.panel.refresh()

    def order(self) -> tuple[CompressionOrder, PairExport | None]:
        """What is to be made, and the pairs to be copied for it. Call it only without :meth:`errors`.

        Raises:
            ModelError: the model is not there any more.
        """
        parameters, card = self.panel.parameters, self.panel.card
        target = naming.target_of(card, self.panel.cards)
        order = CompressionOrder(
            model=catalog.locate(card.name),
            cases=self.source.path if self.source.from_folder else "",
            name=target.name,
            title=target.title,
            allowed_loss=parameters.quick_loss,
        )
        if self.source.from_folder:
            return order, None
        return order, PairExport(self.source.pairs, card.labels, card.title)

    def enter(self) -> None:
        """See Section.enter: folders and segmentations may have changed meanwhile."""
        self.source.forget()
        self.refresh()

    def scene_closing(self) -> None:
        """See Section.scene_closing. Copied pairs need no scene."""
        self.panel.compressor.scene_closing()

    def close(self) -> None:
        """See Section.close."""
        self.panel.compressor.forget(self._on_compression)
        self.source.close()

    # -- internals -------------------------------------------------------------------------------------------------

    def _show_form(self, card) -> None:
        found = self._look()
        self.source.show(found)
        self._show_loss()
        errors = self.errors(found)
        again = forms.quick_form(card) is not None
        self.ui.quickButton.text = _("Make it anew") if again else _("Make a quick version")
        self.ui.quickButton.enabled = not errors
        self.ui.quickButton.toolTip = "\n".join(errors) or _("Start. Slicer can be used meanwhile.")
        set_text(self.ui.quickModelLabel, html.escape(self._about(card), quote=False))
        self._show_problems([*errors, *found.warnings, *self._remarks(), *far_words.on_this_computer()])

    def _remarks(self) -> list[str]:
        """What is worth knowing about this computer."""
        ready = self.panel.runner.ready
        devices = [device.name for device in ready.devices] if ready is not None else []
        if not devices or devices[0] == "cpu":
            return []
        return [_("It runs on the processor; this computer's graphics card runs the full model.")]

    def _look(self) -> Found:
        card = self.panel.card
        return self.source.look(card) if card is not None and not checks.check_model(card) else Found()

    def _at_work(self) -> str:
        title = self.panel.compressor.current.source.title
        return _("Making a quick version of '{title}'. Slicer can be used meanwhile.").format(title=title)

    def _about(self, card) -> str:
        """What would come of it."""
        if card is None:
            return ""
        target = naming.target_of(card, self.panel.cards)
        there = forms.quick_text(card)
        if there:
            return _("'{title}' has one: {facts}. A new one takes its place.").format(title=card.title, facts=there)
        text = _("'{title}' in 8 bits: smaller, and quicker on this computer's processor.").format(title=card.title)
        if target.copy:
            text += " " + _("The model comes with UNetSegment, so a copy gets it: '{name}'.").format(name=target.title)
        return text

    def _show_loss(self) -> None:
        box, loss = self.ui.quickLossBox, self.panel.parameters.quick_loss
        if box.findData(loss) < 0:
            blocked = box.blockSignals(True)
            box.addItem(words.loss_text(loss), loss)
            box.blockSignals(blocked)
        select_data(box, loss)

    def _show_problems(self, texts: list[str]) -> None:
        problem = problem_html(self._problem) if self._problem is not None else ""
        set_text(self.ui.quickProblemLabel, problem + "".join(f"<div>{warning_html(text)}</div>" for text in texts))

    def _show_compression(self) -> None:
        compression = self.panel.compressor.current
        self.ui.quickView.setVisible(compression is not None)
        if compression is None:
            return
        busy = not compression.state.final
        self.ui.quickProgressBar.setVisible(busy)
        self.ui.quickCancelButton.setVisible(busy)
        self.ui.quickCancelButton.enabled = busy and compression.state is not RunState.CANCELLING
        share = words.fraction(compression)
        # A range of 0 shows that something is happening while nobody can tell how long it takes.
        self.ui.quickProgressBar.maximum = 0 if share is None else 1000
        if share is not None:
            self.ui.quickProgressBar.value = round(1000 * share)
        set_text(self.ui.quickStatusLabel, html.escape(words.status_text(compression), quote=False))
        outcome = compression.outcome
        notes = words.notes_text(outcome) if outcome is not None else ""
        set_text(self.ui.quickNotesLabel, html.escape(notes, quote=False))
        self.ui.quickUseButton.setVisible(outcome is not None and self._can_be_used(outcome))
        error = compression.error
        set_text(self.ui.quickErrorLabel, problem_html(error, copyable=True) if error is not None else "")
        self.ui.quickLogButton.setVisible(bool(self.panel.compressor.log))
        self._show_log()

    def _can_be_used(self, outcome) -> bool:
        """Whether there is something left to click for it."""
        chosen, card = self.panel.parameters, self.panel.card
        if not any(each.name == outcome.name for each in self.panel.cards):
            return False
        used = card is not None and card.name == outcome.name and forms.runs_quick(card, chosen.form, chosen.preset)
        return not used

    def _show_log(self) -> None:
        shown = self.ui.quickLogButton.checked
        self.ui.quickLogText.setVisible(shown)
        if shown:
            self.ui.quickLogText.setPlainText("\n".join(self.panel.compressor.log))
            self.ui.quickLogText.moveCursor(qt.QTextCursor.End)

    def _on_compression(self, compression) -> None:
        share = None if compression.state.final else words.fraction(compression)
        title = _("Quick version")
        self.root.text = title if share is None else f"{title} ({round(100 * share)} %)"
        if compression.state is RunState.DONE:
            self._take(compression)
        self.refresh()

    def _take(self, compression) -> None:
        """Lists the models anew and chooses the one that has the quick version, unless another one was chosen since."""
        name, source = compression.outcome.name, compression.source
        chosen = self.panel.card
        self.panel.reload_models()
        made = next((card for card in self.panel.cards if card.name == name), None)
        if made is not None and not licences.must_be_accepted(source):
            # It is the licence of the model that it was made of, which the user has read.
            licences.accept(made.name, made.licence)
        self._finished = name
        if chosen is not None and chosen.name == source.name:
            self.panel.choose_model(name)

    def _on_use(self) -> None:
        outcome = self.panel.compressor.current.outcome
        parameters = self.panel.parameters
        parameters.preset = "fast"
        parameters.form = forms.AUTOMATIC
        self.panel.choose_model(outcome.name)

    def _on_loss(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.panel.parameters.quick_loss = float(self.ui.quickLossBox.itemData(index))

    def _on_install(self) -> None:
        # The worker holds the libraries' files open, which Windows would not let pip replace.
        self.panel.runner.stop_here()
        self._problem = None
        try:
            environment.install_for_quick_versions(self._tell)
        except environment.InstallError as error:
            self._problem = str(error)
        self.ui.quickInstallButton.enabled = True
        self.panel.runner.restart()
        self.panel.refresh()

    def _tell(self, text: str) -> None:
        """Slicer stands still while pip runs, so what it does is shown before."""
        self.ui.quickInstallButton.enabled = False
        set_text(self.ui.quickProblemLabel, f"<i>{html.escape(text, quote=False)}</i>")
        slicer.app.processEvents()

    def _on_link(self, link: str) -> None:
        compression = self.panel.compressor.current
        problems.copy_details(self._problem or (compression.error if compression is not None else ""))


class QuickSource(CaseSource):
    """The cases that a quick version is made with and measured on.

    Args:
        panel: the panel.
    """

    def __init__(self, panel) -> None:
        super().__init__(panel, "quick_from_folder", "quick_folder")
        self.ui.trainSourceLabel.text = _("Cases")
        self.ui.trainSourceBox.toolTip = _(
            "Images like those that the model will be used on, and segmentations that show what it loses."
        )
        for widget in (self.ui.trainSegmentsLabel, self.ui.trainSegmentList):
            widget.hide()

    def look(self, card) -> Found:
        """What the source holds for a model, and what is wrong with it."""
        if not self.from_folder:
            return checks.check_pairs(self.rows, card)
        key = (self.folder, len(card.inputs))
        return self._once(key, lambda: checks.check_folder(*key))


def _names(requirements: list[str]) -> str:
    known = {"openvino": "OpenVINO", "nncf": "NNCF"}
    names = [requirement.split(">")[0] for requirement in requirements]
    return _(" and ").join(known.get(name, name) for name in names)
