"""Makes the effect known to Slicer's Segment Editors, once, when the application has started."""

import logging
from pathlib import Path

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).resolve().parents[2] / "UNetSegmentEffect" / "SegmentEditorUNetCorrectEffect.py"


def register() -> bool:
    """Returns whether editors have the effect from now on. Without the editor's classes they do not, and nothing else
    is lost."""
    try:
        import qSlicerSegmentationsEditorEffectsPythonQt as effects
    except ImportError:
        logger.warning("This Slicer has no Segment Editor effects; the effect of UNetSegment is not there.")
        return False
    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    # Registered all the same, one without its Python would fail in every new editor.
    if not effect.setPythonSource(str(SOURCE)) or effect.self() is None:
        logger.error("The effect of UNetSegment could not be loaded from %s.", SOURCE)
        return False
    effect.self().register()
    return True
