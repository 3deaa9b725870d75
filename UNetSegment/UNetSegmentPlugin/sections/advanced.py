"""Advanced: device, preset, backend, version of the model, memory, smoothing; and what computes the next run."""

import html

import slicer
from slicer.i18n import tr as _

from ..installing import environment
from ..models import forms
from ..running import hosts
from ..scene import display, provenance
from ..widgets.texts import set_text
from . import engine_words
from .section import Section, select_data, set_buddies

AUTOMATIC = "auto"


class AdvancedSection(Section):
    """Collapsed by default: nobody needs it for a first result."""

    ui_file = "Advanced.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        set_buddies(
            self.ui,
            deviceLabel="deviceBox",
            presetLabel="presetBox",
            backendLabel="backendBox",
            formLabel="formBox",
            memoryLabel="memoryLimitBox",
            smoothingLabel="smoothingSlider",
        )
        self._devices: tuple[str, ...] = ()
        self._list_devices(())
        _fill(
            self.ui.presetBox,
            ("balanced", _("Balanced"), _("One network, no mirrored copies: the right choice nearly always.")),
            ("fast", _("Fast"), _("Coarser edges, quicker; runs the quick version of a model that has one.")),
            ("exact", _("Exact"), _("The model's own published protocol, for comparisons. Several times slower.")),
        )
        _fill(
            self.ui.backendBox,
            ("auto", _("Automatic"), _("The quickest that gives the same labels on this computer.")),
            ("torch", "PyTorch", _("What models are trained with; on graphics cards and processors.")),
            ("openvino", "OpenVINO", _("Quicker on processors. Setup can install it.")),
            ("onnx", "ONNX Runtime", _("Another one for processors.")),
            ("tensorrt", "TensorRT", _("For NVIDIA graphics cards; the first run takes minutes longer.")),
        )
        _fill(
            self.ui.formBox,
            (forms.AUTOMATIC, _("Automatic"), _("The quick version with the preset Fast, else the full model.")),
            (forms.FULL, _("Full"), _("The model as it was trained.")),
            (forms.QUICK, _("Quick (INT8)"), _("With any preset, where the model has one.")),
        )
        self.ui.deviceBox.connect("currentIndexChanged(int)", self._on_device)
        self.ui.presetBox.connect("currentIndexChanged(int)", self._on_preset)
        self.ui.backendBox.connect("currentIndexChanged(int)", self._on_backend)
        self.ui.formBox.connect("currentIndexChanged(int)", self._on_form)
        self.ui.smoothingSlider.connect("valueChanged(double)", self._on_smoothing)
        self.ui.copyDiagnosticsButton.connect("clicked()", self.copy_diagnostics)
        self.ui.showSetupButton.connect("clicked()", lambda: self.panel.show_setup())

    def refresh(self) -> None:
        """See Section.refresh."""
        parameters = self.panel.parameters
        if parameters is None:
            return
        if self.ui.deviceBox.findData(parameters.device) < 0:
            self.ui.deviceBox.addItem(parameters.device, parameters.device)
        select_data(self.ui.deviceBox, parameters.device)
        select_data(self.ui.presetBox, parameters.preset)
        select_data(self.ui.backendBox, parameters.backend)
        select_data(self.ui.formBox, parameters.form)
        # Looked up only where it is seen: it goes through the installed packages.
        if not self.root.collapsed:
            set_text(self.ui.engineLabel, self._engine_html())

    def on_run(self, run) -> None:
        """See Section.on_run: the worker tells its devices once it is ready."""
        ready = self.panel.runner.ready_at(hosts.chosen())
        devices = tuple(ready.devices) if ready is not None else ()
        if devices and devices != self._devices:
            self._devices = devices
            self._list_devices(devices)
            self.refresh()
        elif run is not None and run.state.final:
            self.refresh()

    def copy_diagnostics(self) -> None:
        """Puts versions, devices and the last errors on the clipboard."""
        slicer.app.clipboard().setText(environment.diagnostics(self.panel.runner))
        slicer.util.showStatusMessage(_("The diagnostics are on the clipboard."), 3000)

    def _list_devices(self, devices) -> None:
        box = self.ui.deviceBox
        blocked = box.blockSignals(True)
        box.clear()
        box.addItem(_("Automatic"), AUTOMATIC)
        for device in devices:
            memory = f" ({device.memory / 2**30:.0f} GB)" if device.memory else ""
            box.addItem(f"{device.title}{memory}", device.name)
        box.blockSignals(blocked)

    def _on_device(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.panel.parameters.device = self.ui.deviceBox.itemData(index)

    def _on_preset(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.panel.parameters.preset = self.ui.presetBox.itemData(index)

    def _on_backend(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.panel.parameters.backend = self.ui.backendBox.itemData(index)

    def _on_form(self, index: int) -> None:
        if self.panel.parameters is not None and index >= 0:
            self.panel.parameters.form = self.ui.formBox.itemData(index)

    def _engine_html(self) -> str:
        """What computes the next run, and what has computed the result that is shown."""
        card, parameters = self.panel.card, self.panel.parameters
        lines = []
        if card is not None:
            text = self._next_text(card)
            lines.append(f"<b>{_('Next run')}</b>: {html.escape(text, quote=False)}")
        if parameters.result is not None:
            text = engine_words.last_text(provenance.settings_of(parameters.result))
            if text:
                lines.append(f"<b>{_('This result')}</b>: {html.escape(text, quote=False)}")
        return "<br>".join(lines)

    def place_changed(self) -> None:
        """Runs go elsewhere: devices there are others, of which nothing may be known yet."""
        self._devices = ()
        self._list_devices(())
        if self.panel.parameters is not None:
            self.panel.parameters.device = AUTOMATIC
        self.on_run(None)
        self.refresh()

    def _next_text(self, card) -> str:
        host = hosts.name_of(hosts.chosen())
        if host:
            # What is installed there decides, and only the host knows.
            return _("on {host}, which decides how; the result says it.").format(host=host)
        openvino = not environment.openvino_is_missing()
        return engine_words.next_text(card, self.panel.parameters, self._devices_of_worker(), openvino)

    def _devices_of_worker(self) -> tuple:
        ready = self.panel.runner.ready_at(hosts.chosen())
        return tuple(ready.devices) if ready is not None else self._devices

    def _on_smoothing(self, value: float) -> None:
        parameters = self.panel.parameters
        if parameters is not None and parameters.result is not None and display.is_shown_in_3d(parameters.result):
            display.set_smoothing(parameters.result, value)


def _fill(combo_box, *choices: tuple[str, str, str]) -> None:
    """Items of value, title and hint."""
    for number, (value, title, hint) in enumerate(choices):
        combo_box.addItem(title, value)
        # Qt.ToolTipRole
        combo_box.setItemData(number, hint, 3)
