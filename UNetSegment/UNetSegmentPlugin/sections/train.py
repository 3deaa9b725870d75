"""Train: from cases of one's own to a model in the list. Few choices; the plan makes the others."""

import html
from dataclasses import replace

from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models.importing.conversion import plain_name
from UNetSegmentLib.networks.config import OpaqueNetwork
from UNetSegmentLib.training.planning.variants import NETWORKS
from UNetSegmentLib.training.recipes.recipes import RECIPES
from UNetSegmentLib.worker.protocol.training_runs import DATA, TrainingOrder, training_folder

from ..models import catalog, licences
from ..problems import problem_html, warning_html
from ..running import far_words
from ..running.runs import RunState
from ..training import checks as training_checks
from ..training import voxels as training_voxels
from ..training.checks import Found
from ..training.export import PairExport
from ..widgets.texts import set_text
from .advanced import AUTOMATIC
from .section import Section, select_data, set_buddies
from .train_progress import TrainProgress
from .train_source import TrainSource

_FOLDS = (5, 10, 3, 2, 0)
# Item data of combo boxes by the parameter that they show.
_BOXES = {
    "train_recipe": "trainRecipeBox",
    "train_start_from": "trainBaseBox",
    "train_network": "trainNetworkBox",
    "train_folds": "trainFoldsBox",
    "train_device": "trainDeviceBox",
}


class TrainSection(Section):
    """Closed by default. Its choices are kept with the scene; what is trained lies on the disk and needs no scene."""

    ui_file = "Train.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._problem: UNetSegmentError | None = None
        self._bases: tuple = ()
        self._devices: tuple | None = None
        self.source, self.progress = TrainSource(panel), TrainProgress(panel)
        self.ui.trainForm.layout().insertWidget(0, self.source.root)
        self.root.layout().addWidget(self.progress.root)
        set_buddies(
            self.ui, trainTitleLabel="trainTitleEdit", trainRecipeLabel="trainRecipeBox", trainBaseLabel="trainBaseBox",
            trainMinutesLabel="trainMinutesBox", trainDeviceLabel="trainDeviceBox", trainNetworkLabel="trainNetworkBox",
            trainFoldsLabel="trainFoldsBox",
        )  # fmt: skip
        self._fill_boxes()
        for parameter, name in _BOXES.items():
            getattr(self.ui, name).connect("currentIndexChanged(int)", self._writer(parameter, getattr(self.ui, name)))
        self.ui.trainButton.connect("clicked()", self.start)
        self.root.connect("contentsCollapsed(bool)", lambda closed: closed or self.panel.refresh())
        panel.trainer.observe(self._on_training)

    def refresh(self) -> None:
        """See Section.refresh."""
        # Looking through pairs and folders is for those who train.
        if self.panel.parameters is None or self.root.collapsed:
            return
        parameters, busy = self.panel.parameters, self.panel.trainer.busy
        self._list_bases()
        self._list_devices()
        for parameter, name in _BOXES.items():
            select_data(getattr(self.ui, name), getattr(parameters, parameter))
        self.ui.trainForm.setVisible(not busy)
        self.ui.trainButton.setVisible(not busy)
        found = Found() if busy else self._look()
        errors = [] if busy else self.errors(found)
        if not busy:
            self.source.show(found)
        self.ui.trainNetworkBox.enabled = not parameters.train_start_from
        self.ui.trainButton.enabled = not errors
        self.ui.trainButton.toolTip = "\n".join(errors) or _("Start. Slicer can be used meanwhile.")
        self._show_problems([] if busy else [*errors, *found.warnings, *far_words.on_this_computer()])
        self.progress.refresh()

    def errors(self, found: Found | None = None) -> list[str]:
        """Everything that keeps a training from starting, in words."""
        parameters = self.panel.parameters
        if parameters is None:
            return [_("The scene is being loaded.")]
        if self.panel.setup.problem is not None:
            return [_("Something is missing: see Setup above.")]
        found = found or self._look()
        errors = [*found.errors, *training_checks.check_name(self._name(), parameters.train_title)]
        base = self._base()
        if parameters.train_start_from and base is None:
            errors.append(_("The model to start from is not there any more. Choose another one."))
        elif base is not None:
            errors += training_checks.check_base(base, found.channels)
        return errors

    def start(self) -> None:
        """Starts the training that the section describes; problems stand under the button."""
        self.source.forget()
        if self.panel.trainer.busy or self.errors():
            self.panel.refresh()
            return
        self._problem = None
        self.progress.started()
        try:
            order, pairs = self.order()
            self.panel.trainer.begin(order, pairs)
        except UNetSegmentError as error:
            self._problem = error
        self.panel.refresh()

    def order(self) -> tuple[TrainingOrder, PairExport | None]:
        """What is to be trained, and the pairs to be copied for it. Call it only without :meth:`errors`.

        Raises:
            ModelError: the model to start from is not there any more.
        """
        parameters, name = self.panel.parameters, self._name()
        title = parameters.train_title.strip()
        order = TrainingOrder(
            name=name,
            title=title,
            source=self.source.path,
            minutes=parameters.train_minutes,
            recipe=parameters.train_recipe,
            network="" if parameters.train_start_from else parameters.train_network,
            start_from=catalog.locate(parameters.train_start_from) if parameters.train_start_from else "",
            folds=parameters.train_folds,
            device=parameters.train_device,
        )
        if parameters.train_from_folder:
            return order, None
        pairs = self.source.pairs
        labels = training_voxels.labels_of(pairs, self.source.left_out)
        return replace(order, source=str(training_folder() / name / DATA), copied=True), PairExport(
            pairs, labels, title
        )

    def on_run(self, run) -> None:
        """See Section.on_run: the worker tells its devices once it is ready."""
        if run is None and not self.root.collapsed and self.panel.parameters is not None:
            self._list_devices()

    def enter(self) -> None:
        """See Section.enter: folders and segmentations may have changed meanwhile."""
        self.source.forget()
        self.progress.redraw()
        self.refresh()

    def scene_closing(self) -> None:
        """See Section.scene_closing. A training goes on without the scene."""
        self.panel.trainer.scene_closing()

    def close(self) -> None:
        """See Section.close."""
        self.panel.trainer.forget(self._on_training)
        self.source.close()

    # -- internals -------------------------------------------------------------------------------------------------

    def _on_training(self, training) -> None:
        percent = self.progress.percent(training)
        self.root.text = _("Train") if percent is None else _("Train ({percent} %)").format(percent=percent)
        if training.state is RunState.DONE:
            if self.panel.parameters is not None and self.panel.parameters.train_title.strip() == training.order.title:
                self.panel.parameters.train_title = ""
            # One's own model: nobody has to be asked for a licence that is one's own to give.
            if not training.order.start_from:
                licences.accept(training.outcome.name, _licence(training.outcome.folder))
            self.panel.reload_models()
            self.panel.choose_model(training.outcome.name)
        self.refresh()

    def _look(self) -> Found:
        return self.source.look(self.panel.parameters.train_recipe, self.panel.parameters.train_folds > 0)

    def _name(self) -> str:
        return plain_name(self.panel.parameters.train_title.strip())

    def _base(self):
        name = self.panel.parameters.train_start_from
        return next((card for card in self._bases if card.name == name), None)

    def _show_problems(self, texts: list[str]) -> None:
        problem = problem_html(self._problem) if self._problem is not None else ""
        set_text(self.ui.trainProblemLabel, problem + "".join(f"<div>{warning_html(text)}</div>" for text in texts))

    def _writer(self, parameter: str, box):
        def write(index: int) -> None:
            if self.panel.parameters is not None and index >= 0:
                self._problem = None
                setattr(self.panel.parameters, parameter, box.itemData(index))

        return write

    def _fill_boxes(self) -> None:
        _fill(self.ui.trainRecipeBox, ("", _("Automatic"), _("Everything follows from the cases.")),
              *((recipe.name, recipe.about[:1].upper() + recipe.about[1:], recipe.name) for recipe in RECIPES.values())
        )  # fmt: skip
        words = {
            "unet": _("U-Net"), "residual": _("Residual U-Net"), "attention": _("Attention U-Net"),
            "nested": _("U-Net++"), "squeeze": _("Squeeze-and-excitation U-Net"), "transunet": _("TransUNet"),
            "mobilenet": _("MobileNet U-Net (light)"), "efficientnet": _("EfficientNet U-Net (light)"),
        }  # fmt: skip
        networks = ((name, words.get(name, name), "") for name in NETWORKS)
        _fill(self.ui.trainNetworkBox, ("", _("Automatic"), _("What the task asks for, else a U-Net.")), *networks)
        shares = [_("Nothing (no scores)") if not count else f"{round(100 / count)} %" for count in _FOLDS]
        _fill(self.ui.trainFoldsBox, *((count, share, "") for count, share in zip(_FOLDS, shares, strict=True)))

    def _list_bases(self) -> None:
        """Models that can be trained further: networks that are described, one at a time."""
        cards = tuple(c for c in self.panel.cards if not isinstance(c.network, OpaqueNetwork) and not c.companions)
        if cards == self._bases and self.ui.trainBaseBox.count:
            return
        self._bases = cards
        choices = ((card.name, card.title, card.description) for card in cards)
        _fill(self.ui.trainBaseBox, ("", _("From scratch"), _("Begin with a new network.")), *choices)

    def _list_devices(self) -> None:
        ready = self.panel.runner.ready
        devices = tuple(ready.devices) if ready is not None else ()
        if devices == self._devices or (self._devices and not devices):
            return
        self._devices = devices
        choices = ((device.name, device.title, "") for device in devices)
        _fill(self.ui.trainDeviceBox, (AUTOMATIC, _("Automatic"), _("The quickest there is.")), *choices)
        chosen = self.panel.parameters.train_device
        if self.ui.trainDeviceBox.findData(chosen) < 0:
            self.ui.trainDeviceBox.addItem(chosen, chosen)
        select_data(self.ui.trainDeviceBox, chosen)


def _fill(combo_box, *choices: tuple[object, str, str]) -> None:
    """Items of value, title and hint, in place of what was there; nobody is told."""
    blocked = combo_box.blockSignals(True)
    combo_box.clear()
    for number, (value, title, hint) in enumerate(choices):
        combo_box.addItem(title, value)
        # Qt.ToolTipRole
        combo_box.setItemData(number, html.escape(hint), 3)
    combo_box.blockSignals(blocked)


def _licence(folder: str) -> str:
    from UNetSegmentLib.models import read_card

    return read_card(folder).licence
