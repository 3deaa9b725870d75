"""Where it runs: this computer or a host; adding, trying and removing hosts."""

import html

import qt
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.worker.far.packages import local_package

from .. import problems
from ..running import far_words, hosts
from ..running.far_trial import FarTrial
from ..widgets import questions
from ..widgets.texts import set_text
from .section import Section, select_data, set_buddies


class WhereSection(Section):
    """The first lines of the section Advanced.

    Args:
        panel: the panel.
        advanced: the section that it stands in.
    """

    ui_file = "Where.ui"

    def __init__(self, panel, advanced) -> None:
        super().__init__(panel)
        self._advanced = advanced
        self._trial: FarTrial | None = None
        self._reports: dict[str, dict] = {}
        self._problem: UNetSegmentError | None = None
        layout = advanced.root.layout()
        layout.insertRow(0, self.root)
        set_buddies(self.ui, whereLabel="whereBox")
        self.ui.hostFrame.hide()
        self._list()
        self.ui.whereBox.connect("currentIndexChanged(int)", self._on_chosen)
        self.ui.hostAddButton.connect("clicked()", self._on_add)
        self.ui.hostAcceptButton.connect("clicked()", self._on_accept)
        self.ui.hostEdit.connect("returnPressed()", self._on_accept)
        self.ui.hostTestButton.connect("clicked()", self._on_test)
        self.ui.hostRemoveButton.connect("clicked()", self._on_remove)
        self.ui.whereStatusLabel.connect("linkActivated(QString)", self._on_link)
        advanced.root.connect("contentsCollapsed(bool)", lambda _folded: self.refresh())

    def refresh(self) -> None:
        """See Section.refresh."""
        url = self._shown
        testing = self._trial is not None
        self.ui.hostTestButton.enabled = bool(url)
        self.ui.hostTestButton.text = _("Cancel") if testing else _("Test")
        self.ui.hostRemoveButton.enabled = bool(url) and not testing
        self.ui.whereBox.enabled = not testing
        self.ui.whereBox.toolTip = html.escape(url) or _("The next run, and corrections.")
        set_text(self.ui.whereNoteLabel, self._note(url))
        set_text(self.ui.whereStatusLabel, self._status(url))

    def enter(self) -> None:
        """See Section.enter: hosts may have been added elsewhere."""
        self._list()
        self.refresh()

    def close(self) -> None:
        """See Section.close."""
        if self._trial is not None:
            self._trial.cancel()

    def choose(self, url: str) -> bool:
        """Lets the next runs go to a host, or (an empty text) stay here; the user is asked before the first use.

        Returns:
            Whether it was chosen.
        """
        host = hosts.name_of(url)
        if url and not hosts.told(url):
            if not questions.may_use_host(self.root, far_words.where_pixels_go(host), host):
                self._list()
                self.refresh()
                return False
            hosts.agree(url)
        hosts.choose(url)
        self._problem = None
        self._list()
        self._advanced.place_changed()
        # The worker there starts now, so that the first click waits less.
        self.panel.runner.start()
        self.panel.refresh()
        return True

    def add(self, text: str) -> bool:
        """Adds a host and chooses it; what is wrong with its address is shown."""
        try:
            url = hosts.add(text)
        except UNetSegmentError as error:
            self._problem = error
            self.refresh()
            return False
        self.ui.hostFrame.hide()
        self.ui.hostEdit.clear()
        return self.choose(url)

    def may_send_model(self, run) -> bool:
        """Asks for a model that the host of a run lacks."""
        package = local_package(run.order.package)
        if package is None:
            return False
        host = hosts.name_of(run.order.where)
        return questions.may_send_model(self.root, package.name, far_words.size_text(package.size), host)

    # -- internals -------------------------------------------------------------------------------------------------

    @property
    def _shown(self) -> str:
        return self.ui.whereBox.currentData or hosts.HERE

    def _list(self) -> None:
        box = self.ui.whereBox
        blocked = box.blockSignals(True)
        box.clear()
        box.addItem(_("This computer"), hosts.HERE)
        for url in hosts.known():
            box.addItem(hosts.name_of(url), url)
            box.setItemData(box.count - 1, html.escape(url), 3)  # Qt.ToolTipRole
        box.blockSignals(blocked)
        select_data(box, hosts.chosen())

    def _on_chosen(self, index: int) -> None:
        if index >= 0:
            # Never from within the box's own signal: a question keeps the event loop running.
            url = self.ui.whereBox.itemData(index)
            qt.QTimer.singleShot(0, lambda: self.choose(url))

    def _on_add(self) -> None:
        self.ui.hostFrame.setVisible(not self.ui.hostFrame.isVisibleTo(self.root))
        if self.ui.hostFrame.isVisibleTo(self.root):
            self.ui.hostEdit.setFocus()

    def _on_accept(self) -> None:
        text = self.ui.hostEdit.text
        if text.strip():
            qt.QTimer.singleShot(0, lambda: self.add(text))

    def _on_remove(self) -> None:
        url = self._shown
        self._reports.pop(url, None)
        hosts.remove(url)
        self.choose(hosts.HERE)

    def _on_test(self) -> None:
        if self._trial is not None:
            self._trial.cancel()
            self._trial = None
        else:
            self._problem = None
            self._reports.pop(self._shown, None)
            self._trial = FarTrial(self._shown, self._on_tested)
            self._trial.start()
        self.refresh()

    def _on_tested(self, report: dict) -> None:
        self._reports[self._trial.url], self._trial = report, None
        self.refresh()

    def _note(self, url: str) -> str:
        if not url:
            return ""
        here = _("Training, quick versions and imports of models run on this computer.")
        return html.escape(f"{far_words.where_pixels_go(hosts.name_of(url))} {here}", quote=False)

    def _status(self, url: str) -> str:
        if self._trial is not None:
            return html.escape(_("Trying {host}...").format(host=hosts.name_of(self._trial.url)), quote=False)
        if self._problem is not None:
            return problems.problem_html(self._problem)
        report = self._reports.get(url)
        return far_words.report_html(hosts.name_of(url), report) if report is not None else ""

    def _on_link(self, link: str) -> None:
        report = self._reports.get(self._shown) or {}
        if report.get("problem"):
            problems.copy_details(far_words.problem_of(report))
