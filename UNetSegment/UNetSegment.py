"""UNetSegment: segment medical volumes with U-Nets. What Slicer looks for in a scripted module, and nothing more.

The work is done in UNetSegmentPlugin, which is imported when the panel is opened, so that a damaged installation can
neither slow down nor hinder the start of Slicer.
"""

import sys
import unittest
from pathlib import Path

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class UNetSegment(ScriptedLoadableModule):
    """Tells Slicer about the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("UNetSegment")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations", "SegmentEditor"]
        parent.contributors = ["UNetSegment contributors"]
        parent.helpText = _(
            "Choose an image and a model, click Segment. The network runs in a process of its own; the result can be "
            "corrected, measured and undone here. For research, not for diagnosis. See the "
            '<a href="https://github.com/UNetSegment/SlicerUNetSegment">documentation</a>.'
        )
        parent.acknowledgementText = _(
            "Trained with data of the Medical Segmentation Decathlon (CC-BY-SA 4.0). Built on 3D Slicer and PyTorch."
        )
        _make_core_importable()
        slicer.app.connect("startupCompleted()", _register_samples)
        slicer.app.connect("startupCompleted()", _register_effect)


class UNetSegmentWidget(ScriptedLoadableModuleWidget):
    """Hands over to UNetSegmentPlugin.panel; shows what is wrong where that cannot even be imported."""

    def __init__(self, parent=None):
        self.logic = None
        self.panel = None
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self):
        """Called when the panel is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = UNetSegmentLogic()
        try:
            from UNetSegmentPlugin.panel import Panel
        except Exception:
            self._show_damage()
            return
        self.panel = Panel(self.logic, self.layout, self.resourcePath)

    def enter(self):
        """Called whenever the module is shown."""
        if self.panel is not None:
            self.panel.enter()

    def exit(self):
        """Called whenever another module is shown."""
        if self.panel is not None:
            self.panel.exit()

    def cleanup(self):
        """Called when the module is unloaded or Slicer closes."""
        if self.panel is not None:
            self.panel.cleanup()
            # Widgets that Python still holds when Slicer ends can take it down.
            self.panel = None

    def onReload(self):  # noqa: N802
        """Developer mode: reload all our files, not only this one."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("UNetSegmentPlugin", "UNetSegmentLib")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def _show_damage(self):
        import traceback

        import qt

        label = qt.QLabel(
            _("The installation of UNetSegment is damaged. Reinstall the extension and restart Slicer.")
            + "\n\n"
            + traceback.format_exc()
        )
        label.objectName = "damageLabel"
        label.setWordWrap(True)
        label.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
        self.layout.addWidget(label)
        self.layout.addStretch(1)


class UNetSegmentLogic(ScriptedLoadableModuleLogic):
    """Scripted use::

    logic = slicer.util.getModuleLogic("UNetSegment")
    segmentation = logic.segment(volume_node, model="hippocampus-t1", roi=roi_node)
    """

    def __init__(self, parent=None):
        ScriptedLoadableModuleLogic.__init__(self, parent)
        self._runner = self._installer = self._trainer = self._compressor = None

    @property
    def installer(self):
        """Brings new models (UNetSegmentPlugin.installing.installations.Installer), made at first use."""
        if self._installer is None:
            from UNetSegmentPlugin.installing.installations import Installer

            self._installer = Installer(self.runner.on_log)
        return self._installer

    @property
    def runner(self):
        """The worker process and its queue (UNetSegmentPlugin.running.runner.Runner), made at first use."""
        if self._runner is None:
            from UNetSegmentPlugin.running.runner import Runner
            from UNetSegmentPlugin.scene.undo import UndoHistory

            self._runner = Runner(UndoHistory())
        return self._runner

    @property
    def trainer(self):
        """Trains models (UNetSegmentPlugin.training.trainer.Trainer), made at first use."""
        if self._trainer is None:
            from UNetSegmentPlugin.training.trainer import Trainer

            self._trainer = Trainer()
        return self._trainer

    @property
    def compressor(self):
        """Makes quick versions of models (UNetSegmentPlugin.compressing.compressor.Compressor), made at first use."""
        if self._compressor is None:
            from UNetSegmentPlugin.compressing.compressor import Compressor

            self._compressor = Compressor()
        return self._compressor

    def getParameterNode(self):  # noqa: N802
        """The panel's state, typed: UNetSegmentPlugin.parameters.Parameters."""
        from UNetSegmentPlugin.parameters import Parameters

        return Parameters(ScriptedLoadableModuleLogic.getParameterNode(self))

    def models(self):
        """Cards of the models at hand (UNetSegmentLib.models.card.ModelCard)."""
        from UNetSegmentPlugin.models import catalog

        return catalog.cards()

    def import_model(self, path, trust=False):
        """Imports a model of another program (nnU-Net, MONAI bundle, TorchScript, ONNX) and waits for it.

        Args:
            path: file or folder.
            trust: TorchScript and ONNX models are programs; True says that this one may run.

        Returns:
            The names of the new models, for :meth:`segment`.

        Raises:
            UNetSegmentLib.errors.UNetSegmentError: with cause and cure.
        """
        from UNetSegmentPlugin import scripting

        return scripting.import_model(self.installer, path, trust)

    def segment(
        self,
        volume_node,
        model="hippocampus-t1",
        roi=None,
        *,
        other_channels=(),
        segmentation=None,
        policy=None,
        device="auto",
        preset="balanced",
        settings=None,
        uncertainty=False,
        where="",
        wait=True,
        on_progress=None,
        on_done=None,
    ):
        """Segments a volume node, in the worker process.

        Args:
            volume_node: the image; ``other_channels`` holds those of the model's further inputs, in its order.
            model: name of a model (see :meth:`models`), or the path of a model package.
            roi: Markups ROI node to look in; None for the whole volume.
            segmentation: node to merge into, ``policy`` (``replace``, ``add``, ``empty``) how; None makes a new one.
            device, preset, settings: see UNetSegmentLib.worker.client.requests.SegmentRequest.
            uncertainty: also make a volume of the model's uncertainty.
            where: address of the host that it runs on (``ssh://user@host``); empty for this computer. A model that the
                host lacks is sent there once the user has said so in the panel.
            wait: block (the application stays alive) and return the segmentation node. Otherwise return a
                UNetSegmentPlugin.running.runs.Run at once, which can be cancelled.
            on_progress, on_done: called with the Run, at every change and at its end.

        Raises:
            UNetSegmentLib.errors.UNetSegmentError: with cause and cure; Cancelled when the run was cancelled.
        """
        from UNetSegmentPlugin import scripting

        order = scripting.make_order(
            volume_node, model, roi, other_channels, segmentation, policy,
            device=device, preset=preset, settings=dict(settings or {}), uncertainty=uncertainty,
            where=where,
        )  # fmt: skip
        return scripting.segment(self.runner, order, wait, on_progress, on_done)

    def undo(self):
        """Takes back what the last run wrote into its segmentation."""
        self.runner.undo_history.undo()


class UNetSegmentTest(ScriptedLoadableModuleTest):
    """Runs Testing/Slicer inside Slicer (Reload and Test), where the source tree is at hand."""

    def runTest(self):  # noqa: N802
        """Called by Slicer."""
        folder = Path(__file__).resolve().parents[1] / "Testing" / "Slicer"
        if not folder.is_dir():
            self.delayDisplay(_("The tests are in the source tree: Testing/Slicer."))
            return
        sys.path.insert(0, str(folder))
        suite = unittest.TestLoader().discover(str(folder), pattern="test_*.py")
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        if not result.wasSuccessful():
            raise AssertionError(f"{len(result.failures) + len(result.errors)} of {result.testsRun} tests failed.")


def _make_core_importable():
    """In a source tree UNetSegmentLib lies one folder up; installed, it lies beside this file."""
    here = Path(__file__).resolve().parent
    if not (here / "UNetSegmentLib").is_dir() and str(here.parent) not in sys.path:
        sys.path.append(str(here.parent))


def _register_samples():
    from UNetSegmentPlugin.scene import samples

    samples.register()


def _register_effect():
    from UNetSegmentPlugin.correcting import registration

    registration.register()
