"""The Segment Editor effect "U-Net correct", as Slicer looks for it: everything else is UNetSegmentPlugin.correcting.

Slicer runs this file under the name of its folder, which therefore holds nothing else. It is run when the application
starts; what it works with is imported when an editor shows it.
"""

from pathlib import Path

import qSlicerSegmentationsEditorEffectsPythonQt as effects
import qt
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _

_ICON = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / "UNetSegment.png"


class SegmentEditorUNetCorrectEffect(AbstractScriptedSegmentEditorEffect):
    """Slicer makes one for the registration and one for each editor."""

    def __init__(self, scripted_effect):
        scripted_effect.name = "U-Net correct"
        scripted_effect.title = _("U-Net correct")
        scripted_effect.perSegment = True
        scripted_effect.requireSegments = True
        AbstractScriptedSegmentEditorEffect.__init__(self, scripted_effect)
        self.tool = None

    def clone(self):
        clone = effects.qSlicerSegmentEditorScriptedEffect(None)
        clone.setPythonSource(__file__)
        return clone

    def icon(self):
        return qt.QIcon(str(_ICON)) if _ICON.is_file() else qt.QIcon()

    def helpText(self):  # noqa: N802
        from UNetSegmentPlugin.correcting.effect import help_text

        return help_text()

    def setupOptionsFrame(self):  # noqa: N802
        from UNetSegmentPlugin.correcting.effect import CorrectEffect

        self.tool = CorrectEffect(self.scriptedEffect)

    def setMRMLDefaults(self):  # noqa: N802
        self.scriptedEffect.setParameterDefault("Tool", "point")
        self.scriptedEffect.setParameterDefault("Include", "1")

    def activate(self):
        self.tool.activate()

    def deactivate(self):
        self.tool.deactivate()

    def updateGUIFromMRML(self):  # noqa: N802
        self.tool.show_parameters()

    def processInteractionEvents(self, caller, event_id, view):  # noqa: N802
        return self.tool.handle(caller, event_id, view)

    def processViewNodeEvents(self, view_node, event_id, view):  # noqa: N802
        self.tool.view_changed(view)

    def layoutChanged(self):  # noqa: N802
        if self.tool is not None:
            self.tool.deactivate()
            if self.scriptedEffect.active():
                self.tool.activate()

    def cleanup(self):
        if self.tool is not None:
            self.tool.cleanup()
