"""The panel: puts the sections together, follows the scene, and knows whether a run can start."""

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from UNetSegmentLib.errors import UNetSegmentError

from .models import catalog, expectation, forms, licences
from .running import hosts
from .running.runs import Order, RunState
from .scene import display, inputs, volumes
from .scene.results import Destination
from .sections.advanced import AdvancedSection
from .sections.correct import CorrectSection
from .sections.dicom import DicomSection
from .sections.model import ModelSection
from .sections.quick import QuickSection
from .sections.region import RegionSection
from .sections.report import ReportSection
from .sections.result import ResultSection
from .sections.run import RunSection
from .sections.setup import SetupSection
from .sections.train import TrainSection
from .sections.volume import VolumeSection
from .sections.where import WhereSection
from .widgets import widths


class Panel(VTKObservationMixin):
    """What the user sees. Holds no state of its own that a saved scene would miss.

    Args:
        logic: the module's logic.
        layout: the vertical layout that the sections are added to.
        resource_path: finds a file in the module's Resources.
    """

    def __init__(self, logic, layout, resource_path) -> None:
        super().__init__()
        self.logic = logic
        self.runner = logic.runner
        self.installer = logic.installer
        self.trainer = logic.trainer
        self.compressor = logic.compressor
        self.resource_path = resource_path
        self.parameters = None
        self.cards = catalog.cards()
        self._gui_tag = self._library = None
        self._imported = False
        self._layout = layout
        self._make_sections()
        self._shortcuts = self._make_shortcuts()
        self.runner.undo_history = self.correct
        self.runner.permission.ask = self.where.may_send_model
        self.runner.observe(self._on_run)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_start_close)
        self.addObserver(scene, scene.EndImportEvent, self._on_imported)
        for event in (scene.EndCloseEvent, scene.EndImportEvent, scene.EndBatchProcessEvent):
            self.addObserver(scene, event, self._on_scene_ready)
        self.addObserver(scene, scene.NodeRemovedEvent, self._on_node_removed)
        self.addObserver(scene, scene.NodeAddedEvent, self._on_node_added)
        self._attach()

    def enter(self) -> None:
        """The module is shown: the worker starts to load torch, so that the first click waits less."""
        self._attach()
        self.runner.start()
        for section in self.sections:
            section.enter()
        for shortcut in self._shortcuts:
            shortcut.setEnabled(True)

    def exit(self) -> None:
        """Another module is shown: running work is finished, then the worker leaves and frees its memory."""
        for section in self.sections:
            section.exit()
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
        self.runner.leave_when_idle()

    def cleanup(self) -> None:
        """The module is unloaded or Slicer closes."""
        self.runner.forget(self._on_run)
        self.removeObservers()
        for section in self.sections:
            section.exit()
            section.close()
        if self._library is not None:
            self._library.close()
        self._detach()
        self.installer.shutdown()
        self.trainer.shutdown()
        self.compressor.shutdown()
        self.runner.shutdown()

    # -- state -----------------------------------------------------------------------------------------------------

    @property
    def card(self):
        """Of the chosen model, or None."""
        name = self.parameters.model if self.parameters is not None else ""
        return next((card for card in self.cards if card.name == name), None)

    def input_errors(self) -> list[str]:
        """Everything that keeps a run from starting, in words."""
        parameters, card = self.parameters, self.card
        if parameters is None:
            return [_("The scene is being loaded.")]
        # A host has an installation of its own.
        if self.setup.problem is not None and not hosts.chosen():
            return [_("Something is missing: see Setup above.")]
        errors = []
        if card is None:
            errors.append(_("Choose a model."))
        elif licences.must_be_accepted(card):
            errors.append(_("Read and accept the licence of the model first."))
        if card is not None:
            errors += map(str, inputs.problems(inputs.nodes_of(parameters, card), card))
        if card is None and parameters.input_volume is None:
            errors.append(_("Choose an image."))
        if not parameters.whole_volume and parameters.region is None:
            errors.append(_("Place a region, or choose the whole volume."))
        problem = Destination(parameters.policy, parameters.target).problem()
        return [*errors, problem] if problem else errors

    def order(self) -> Order:
        """The run that the panel asks for. Call it only without :meth:`input_errors`.

        Raises:
            ModelError: the model is not there any more.
        """
        parameters, card = self.parameters, self.card
        settings = {}
        if parameters.memory_limit_gb > 0:
            settings["memory_limit"] = round(parameters.memory_limit_gb * 1e9)
        if parameters.backend != "auto":
            settings["backend"] = parameters.backend
        form = forms.setting_of(card, parameters.form)
        if form is not None:
            settings["form"] = form
        return Order(
            volumes=inputs.nodes_of(parameters, card),
            card=card,
            package=catalog.locate(card.name),
            roi=None if parameters.whole_volume else parameters.region,
            destination=Destination(parameters.policy, parameters.target),
            device=parameters.device,
            preset=parameters.preset,
            settings=settings,
            uncertainty=parameters.uncertainty,
            where=hosts.chosen(),
        )

    # -- what the user does ----------------------------------------------------------------------------------------

    def segment(self) -> None:
        """Queues the run that the panel asks for; problems stand under the button."""
        if self.input_errors():
            self.run.bring_problem_into_view()
            return
        self.run.started()
        try:
            self.runner.submit(self.order())
        except UNetSegmentError as error:
            self.show_problem(error)

    def show_problem(self, problem) -> None:
        """Shows an error under the button."""
        self.run.show_problem(problem)

    def show_setup(self) -> None:
        """Shows the Setup section, at the top."""
        self.setup.show()

    def show_quick(self) -> None:
        """Opens the section that makes quick versions of models."""
        self.quick.show()

    def reload_models(self) -> None:
        """Reads the list of models anew."""
        self.cards = catalog.cards()
        self.model.fill()
        self.refresh()

    def take_models(self, installation) -> None:
        """Lists the models anew and chooses the first of those that have come."""
        self.reload_models()
        names = [model.name for model in installation.models]
        if installation.entry:
            # The licence was accepted in the library, for the entry.
            for card in self.cards:
                if card.name in names:
                    licences.accept(card.name, card.licence)
        if names:
            self.choose_model(names[0])

    def choose_model(self, name: str) -> None:
        """Chooses a model and shows it."""
        if self.parameters is not None:
            self.parameters.model = name
            self.refresh()

    def choose_any_model(self) -> None:
        """Chooses the first of the list when the chosen one is gone."""
        if self.card is None and self.parameters is not None:
            self.parameters.model = self.cards[0].name if self.cards else ""

    def show_library(self, search: str = "") -> None:
        """Opens the library of models, in a window that leaves the panel usable, searched for ``search`` if given."""
        if self._library is None:
            from .sections.library_dialog import LibraryDialog

            try:
                self._library = LibraryDialog(self)
            except UNetSegmentError as error:
                self.show_problem(error)
                return
        self._library.show(search)

    def refresh(self) -> None:
        """Shows the parameter node in all sections."""
        for section in self.sections:
            section.refresh()

    # -- internals -------------------------------------------------------------------------------------------------

    def _make_sections(self) -> None:
        self.setup = SetupSection(self)
        self.volume = VolumeSection(self)
        self.model = ModelSection(self)
        self.region = RegionSection(self)
        self.run = RunSection(self)
        self.result = ResultSection(self)
        self.correct = CorrectSection(self)
        self.report = ReportSection(self)
        self.dicom = DicomSection(self, self.report)
        self.train = TrainSection(self)
        self.quick = QuickSection(self)
        self.advanced = AdvancedSection(self)
        self.where = WhereSection(self, self.advanced)
        self.sections = (
            self.setup, self.volume, self.model, self.region, self.run, self.result, self.correct, self.report,
            self.dicom, self.train, self.quick, self.advanced, self.where,
        )  # fmt: skip
        for section in self.sections:
            # Two stand within another one.
            if section not in (self.dicom, self.where):
                self._layout.addWidget(section.root)
        self._layout.addStretch(1)
        self.volume.stand_above(self.model.ui.modelLabel, self.region.ui.regionLabel)
        # It is always there, so the whole panel keeps the width.
        self.run.root.setMinimumWidth(widths.MINIMUM_WIDTH)

    def _make_shortcuts(self) -> list:
        shortcuts = []
        for keys, action in (("Ctrl+Return", self.segment), ("Esc", self._cancel_current)):
            shortcut = qt.QShortcut(self.run.root.parentWidget())
            shortcut.setKey(qt.QKeySequence(keys))
            shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
            shortcut.connect("activated()", action)
            shortcuts.append(shortcut)
        return shortcuts

    def _cancel_current(self) -> None:
        # The list of models is a child of the panel, so its Esc comes here too.
        if not self.model.chooser.close() and self.runner.runs:
            self.runner.runs[0].cancel()

    def _attach(self) -> None:
        """Follows the scene's parameter node."""
        wrapper = self.logic.getParameterNode()
        if self.parameters is not None and self.parameters.parameterNode is wrapper.parameterNode:
            return
        self._detach()
        self.parameters = wrapper
        if not wrapper.model and self.cards:
            wrapper.model = self.cards[0].name
        if wrapper.input_volume is None:
            wrapper.input_volume = volumes.first_image()
        self._gui_tag = wrapper.connectGui(self._layout.parentWidget())
        self.addObserver(wrapper.parameterNode, vtk.vtkCommand.ModifiedEvent, self._on_parameters)
        self.addObserver(wrapper.parameterNode, slicer.vtkMRMLNode.ReferenceModifiedEvent, self._on_parameters)
        self.refresh()

    def _detach(self) -> None:
        if self.parameters is None:
            return
        self.removeObservers(self._on_parameters)
        self.parameters.disconnectGui(self._gui_tag)
        self.parameters = self._gui_tag = None

    def _on_parameters(self, caller, event) -> None:
        self.run.forget_problem()
        self.refresh()

    def _on_start_close(self, caller, event) -> None:
        self.runner.cancel_all()
        for section in self.sections:
            section.scene_closing()
        self._detach()

    def _on_imported(self, caller, event) -> None:
        self._imported = True

    def _on_scene_ready(self, caller, event) -> None:
        # Loading a scene closes and imports within one batch; there is nothing to follow before its end.
        if slicer.mrmlScene.IsBatchProcessing():
            return
        self._attach()
        if self._imported:
            self._imported = False
            self._read_anew()
            # Selectors and the editor that hear of the scene after this panel would overrule it.
            qt.QTimer.singleShot(0, self._read_anew)

    def _read_anew(self) -> None:
        """Shows what an import has brought. The parameters know nodes by what they were at the last change of their
        own node, and in a file that node may stand before the nodes that it refers to."""
        if self.parameters is not None:
            self.parameters.Modified()
            self._choose_first_volume()

    def _on_node_removed(self, caller, event) -> None:
        self.runner.cancel_all(lambda run: not run.inputs_present)
        if self.parameters is not None:
            self.volume.refresh()
            self.run.refresh()
            self.train.refresh()
            self.quick.refresh()

    def _on_node_added(self, caller, event) -> None:
        """A first image needs no choosing."""
        if self.parameters is None or slicer.mrmlScene.IsBatchProcessing():
            return
        if self.parameters.input_volume is None:
            # The node is only half made at this moment.
            qt.QTimer.singleShot(0, self._choose_first_volume)

    def _choose_first_volume(self) -> None:
        if self.parameters is not None and self.parameters.input_volume is None:
            self.parameters.input_volume = volumes.first_image()

    def _on_run(self, run) -> None:
        if run is not None and run.state is RunState.DONE and self.parameters is not None:
            order = run.order
            device = hosts.device_at(order.where, order.device)
            expectation.remember(order.card.name, device, order.preset, run.timings["total"])
            self.parameters.result = run.written.segmentation
            display.show_behind(order.volumes[0])
            self.report.measure()
        for section in self.sections:
            section.on_run(run)
