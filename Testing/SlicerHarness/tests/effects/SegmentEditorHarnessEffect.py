"""A scripted effect that remembers what Slicer asks of it."""

import qSlicerSegmentationsEditorEffectsPythonQt as effects
import qt
import vtk
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect

HEARD: list[tuple] = []
"""(effect, method, ...) of every effect of this class."""


class SegmentEditorHarnessEffect(AbstractScriptedSegmentEditorEffect):
    consumes = True
    answer = None

    def __init__(self, scriptedEffect):
        scriptedEffect.name = "Harness"
        scriptedEffect.title = "Harness"
        scriptedEffect.perSegment = True
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.told("__init__")

    def told(self, *what):
        HEARD.append((self, *what))

    def clone(self):
        clone = effects.qSlicerSegmentEditorScriptedEffect(None)
        clone.setPythonSource(__file__)
        return clone

    def icon(self):
        self.told("icon")
        return qt.QIcon()

    def helpText(self):
        self.told("helpText")
        return "Remembers."

    def setupOptionsFrame(self):
        self.told("setupOptionsFrame", self.scriptedEffect.parameterSetNode() is not None)

    def setMRMLDefaults(self):
        self.told("setMRMLDefaults")
        self.scriptedEffect.setParameterDefault("Colour", "red")

    def activate(self):
        self.told("activate", self.scriptedEffect.active())

    def deactivate(self):
        self.told("deactivate", self.scriptedEffect.active())

    def createCursor(self, view):
        self.told("createCursor", view.className())

    def updateGUIFromMRML(self):
        self.told("updateGUIFromMRML")

    def sourceVolumeNodeChanged(self):
        self.told("sourceVolumeNodeChanged")

    def masterVolumeNodeChanged(self):
        self.told("masterVolumeNodeChanged")

    def cleanup(self):
        self.told("cleanup")

    def processInteractionEvents(self, caller, event_id, view):
        self.told("event", vtk.vtkCommand.GetStringFromEventId(event_id), caller.GetEventPosition(), view)
        return self.consumes if self.answer is None else self.answer

    def processViewNodeEvents(self, node, event_id, view):
        self.told("view node", event_id, view)
