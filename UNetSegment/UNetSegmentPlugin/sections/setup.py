"""Setup: what is missing, and one button that installs it. Hidden while everything is there."""

import html

import slicer
from slicer.i18n import tr as _

from ..installing import environment, selftest
from ..problems import WARNING_COLOR
from ..widgets.texts import set_text
from ..widgets.widths import bring_into_view
from .section import Section


class SetupSection(Section):
    """Appears by itself when the worker says that torch (or itself) cannot run, or on request."""

    ui_file = "Setup.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._wanted = False
        self._message = ""
        self._remark = ""
        self._busy = False
        self._test = None
        self.ui.installButton.connect("clicked()", lambda: self._run(lambda: environment.install(False, self._tell)))
        self.ui.repairButton.connect("clicked()", lambda: self._run(lambda: environment.install(True, self._tell)))
        self.ui.openvinoButton.connect("clicked()", lambda: self._run(lambda: environment.install_openvino(self._tell)))
        self.ui.selfTestButton.connect("clicked()", self.run_self_test)
        self.ui.setupDiagnosticsButton.connect("clicked()", lambda: self.panel.advanced.copy_diagnostics())
        self.refresh()

    @property
    def problem(self):
        """What the worker reported as missing or broken (a Problem with cause and cure), or None."""
        ready = self.panel.runner.ready
        return ready.problem if ready is not None else None

    def show(self) -> None:
        """Shows the section although nothing may be missing, and scrolls to it."""
        self._wanted = True
        self.refresh()
        bring_into_view(self.root)

    def refresh(self) -> None:
        """See Section.refresh."""
        problem = self.problem
        self.root.setVisible(self._wanted or self._busy or problem is not None)
        self.ui.setupProgressBar.setVisible(self._busy)
        for button in (self.ui.installButton, self.ui.repairButton, self.ui.selfTestButton, self.ui.openvinoButton):
            button.enabled = not self._busy
        # Looked up only where it is seen: it goes through the installed packages.
        shown = problem is None and self._wanted
        self.ui.openvinoButton.setVisible(shown and environment.openvino_is_missing())
        self.ui.installButton.setVisible(problem is not None and bool(self._missing()))
        set_text(self.ui.setupLabel, self._text(problem))

    def on_run(self, run) -> None:
        """See Section.on_run."""
        self.refresh()

    def run_self_test(self) -> None:
        """Runs a bundled model on a made-up image and says how it went."""
        self._busy, self._message = True, _("Self-test: running a model on a made-up image...")
        self.refresh()
        self._test = selftest.SelfTest(self.panel.cards, self._on_tested)
        self._test.start()

    def scene_closing(self) -> None:
        """See Section.scene_closing. The self-test uses no scene, so it goes on."""

    def _on_tested(self, passed: bool, text: str) -> None:
        text, self._remark = f"{text} {self._remark}".strip(), ""
        self._busy, self._wanted, self._message, self._test = False, True, text, None
        if passed:
            self.panel.runner.start()
        self.refresh()

    def _run(self, install) -> None:
        self._busy = True
        self._tell(_("Installing..."))
        # The worker holds the libraries' files open, which Windows would not let pip replace.
        self.panel.runner.stop_here()
        try:
            self._remark = install() or ""
        except environment.InstallError as error:
            self._busy = False
            self._tell(str(error))
            return
        self._busy = False
        self._message = ""
        self.panel.runner.restart()
        self.run_self_test()

    def _tell(self, text: str) -> None:
        self._message = text
        self.refresh()
        slicer.app.processEvents()

    def _text(self, problem) -> str:
        lines = [
            f"<b style='color:{WARNING_COLOR}'>&#9888; {_('Setup')}</b>"
            if problem is not None
            else f"<b>{_('Setup')}</b>"
        ]
        if problem is not None:
            lines += [html.escape(problem.cause, quote=False), html.escape(self._what_to_do(problem), quote=False)]
        if self._message:
            lines.append(f"<i>{html.escape(self._message, quote=False)}</i>")
        if problem is None and not self._message:
            lines.append(_("Everything that is needed is installed."))
        return "<br>".join(lines)

    def _missing(self) -> list[str]:
        """What is not installed, by name, PyTorch first."""
        torch = [] if self.panel.runner.torch_is_installed else ["PyTorch"]
        return [*torch, *environment.missing_packages()]

    def _what_to_do(self, problem) -> str:
        missing = self._missing()
        if "PyTorch" in missing:
            return _(
                "Click Install: {packages}. PyTorch comes through the extension 'PyTorch', which chooses the build for "
                "this computer and may download several gigabytes."
            ).format(packages=", ".join(missing))
        if missing:
            return _("Click Install: {packages}. A small download.").format(packages=", ".join(missing))
        return f"{problem.cure} " + _("Repair installs the packages anew.")
