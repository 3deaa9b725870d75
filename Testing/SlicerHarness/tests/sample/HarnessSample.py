"""A small scripted module, for testing the harness alone."""

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import *
from slicer.util import VTKObservationMixin


class HarnessSample(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Harness sample")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        slicer.app.connect("startupCompleted()", lambda: setattr(self, "started", True))


class HarnessSampleLogic(ScriptedLoadableModuleLogic):
    pass


class HarnessSampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.events = []

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        root = slicer.util.loadUI(self.resourcePath("UI/HarnessSample.ui"))
        self.layout.addWidget(root)
        self.ui = slicer.util.childWidgetVariables(root)
        root.setMRMLScene(slicer.mrmlScene)
        self.logic = HarnessSampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self.onNodeAdded)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.shortcut = qt.QShortcut(qt.QKeySequence("Ctrl+Return"), root)
        self.shortcut.connect("activated()", self.onApply)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, caller, event, node):
        self.events.append(("added", node.GetClassName()))

    def onApply(self):
        self.events.append(("apply", self.ui.inputSelector.currentNodeID))

    def enter(self):
        self.events.append(("enter",))

    def exit(self):
        self.events.append(("exit",))

    def cleanup(self):
        self.removeObservers()
        self.events.append(("cleanup",))
