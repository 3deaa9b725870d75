"""Scripted effects: an object of Python behind each, the factory that every editor asks, the base class of Python."""

from __future__ import annotations

import importlib.util
import logging
import sys
import traceback
import types
from pathlib import Path

from ..strictness import dump
from ..strictness.strict import qt_class, raw
from ..strictness.strictobject import PlainSignal, StrictObject
from .effects import BUILT_IN, qSlicerSegmentEditorAbstractEffect

logger = logging.getLogger(__name__)

SCRIPTED = (
    *("icon", "helpText", "clone", "activate", "deactivate", "setupOptionsFrame", "createCursor"),
    *("processInteractionEvents", "processViewNodeEvents", "setMRMLDefaults", "referenceGeometryChanged"),
    *("sourceVolumeNodeChanged", "masterVolumeNodeChanged", "layoutChanged", "interactionNodeModified"),
    *("updateGUIFromMRML", "updateMRMLFromGUI", "cleanup"),
)
"""What a scripted effect's Python may define."""


class qSlicerSegmentEditorScriptedEffect(
    qSlicerSegmentEditorAbstractEffect, table=dump.class_table("qSlicerSegmentEditorScriptedEffect")
):
    """An effect that hands on to an object of Python."""

    def __init__(self, _parent=None):
        super().__init__("UnnamedScriptedEffect")
        self._python = None
        self._source = ""

    def self(self):
        return self._python

    def pythonSource(self) -> str:
        return self._source

    def setPythonSource(self, path: str) -> bool:
        """Make the object whose class is called like the file, out of the module called like the file's folder."""
        try:
            made = _class_of(Path(path))(self)
        except Exception:
            traceback.print_exc()
            return False
        import slicer

        self._source, self._python = path, made
        setattr(slicer, Path(path).parent.name, made)
        return True

    def _call(self, name: str, *arguments):
        """What the Python method answers; None without one, or when it fails: the user only finds a traceback."""
        method = getattr(self._python, name, None)
        if method is None:
            return None
        try:
            return method(*arguments)
        except Exception:
            sys.excepthook(*sys.exc_info())
            return None

    def _handle(self, caller, event_id: int, view) -> bool:
        answer = self._call("processInteractionEvents", caller, event_id, view)
        if not isinstance(answer, bool):
            logger.error("processInteractionEvents is expected to return a boolean")
            return False
        return answer


def _class_of(path: Path):
    name = path.stem if path.stem.endswith("Effect") else f"{path.stem}Effect"
    package = sys.modules.get(path.parent.name)
    if package is None or not hasattr(package, name):
        spec = importlib.util.spec_from_file_location(path.parent.name, path)
        package = sys.modules[path.parent.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return getattr(package, name)


class qSlicerSegmentEditorEffectFactory(StrictObject, table=dump.class_table("qSlicerSegmentEditorEffectFactory")):
    """Knows the effects that every new editor gets one of each."""

    _only = None

    def __init__(self):
        super().__init__()
        self._signals["effectRegistered"] = PlainSignal()
        self._effects = [qSlicerSegmentEditorAbstractEffect(name) for name in BUILT_IN]

    @staticmethod
    def instance():
        if qSlicerSegmentEditorEffectFactory._only is None:
            qSlicerSegmentEditorEffectFactory._only = qSlicerSegmentEditorEffectFactory()
        return qSlicerSegmentEditorEffectFactory._only

    def registeredEffects(self) -> tuple:
        return tuple(self._effects)

    def registerEffect(self, effect) -> bool:
        if any(effect.name == other.name for other in self._effects):
            return False
        self._effects.append(effect)
        self.effectRegistered.emit(effect.name)
        return True

    def _forget(self, name: str) -> None:
        """For tests: Slicer keeps an effect until it ends."""
        self._effects = [effect for effect in self._effects if effect.name != name]


class AbstractScriptedSegmentEditorEffect:
    """Python's base class of scripted effects."""

    def __init__(self, scriptedEffect):
        self.scriptedEffect = scriptedEffect

    def register(self) -> None:
        qSlicerSegmentEditorEffectFactory.instance().registerEffect(self.scriptedEffect)

    def cleanup(self) -> None:
        """Nothing to do."""

    def xyToRas(self, xy, viewWidget):
        return _list(self.scriptedEffect.xyToRas(qt_class("QPoint")(int(xy[0]), int(xy[1])), viewWidget))

    def xyzToRas(self, xyz, viewWidget):
        return _list(self.scriptedEffect.xyzToRas(qt_class("QVector3D")(*map(float, xyz)), viewWidget))

    def rasToXy(self, ras, viewWidget):
        point = self.scriptedEffect.rasToXy(qt_class("QVector3D")(*map(float, ras)), viewWidget)
        return [point.x(), point.y()]

    def xyToIjk(self, xy, viewWidget, image, parentTransformNode=None):
        point = qt_class("QPoint")(int(xy[0]), int(xy[1]))
        found = self.scriptedEffect.xyToIjk(point, viewWidget, image, parentTransformNode)
        return [int(value) for value in _list(found)]

    def xyzToIjk(self, xyz, viewWidget, image, parentTransformNode=None):
        point = qt_class("QVector3D")(*map(float, xyz))
        found = self.scriptedEffect.xyzToIjk(point, viewWidget, image, parentTransformNode)
        return [int(value) for value in _list(found)]


def _list(vector) -> list[float]:
    return [raw(vector).x(), raw(vector).y(), raw(vector).z()]


CLASSES = (qSlicerSegmentEditorAbstractEffect, qSlicerSegmentEditorScriptedEffect, qSlicerSegmentEditorEffectFactory)


def modules() -> dict[str, types.ModuleType]:
    """Return what effects import."""
    bases = types.ModuleType("SegmentEditorEffects", "Base classes of scripted effects")
    bases.AbstractScriptedSegmentEditorEffect = AbstractScriptedSegmentEditorEffect
    wrapped = types.ModuleType("qSlicerSegmentationsEditorEffectsPythonQt", "The effects' classes of C++")
    for kind in CLASSES:
        setattr(wrapped, kind.__name__, kind)
    return {bases.__name__: bases, wrapped.__name__: wrapped}


def tell(effect, method: str, *arguments):
    assert method in SCRIPTED, method
    if isinstance(effect, qSlicerSegmentEditorScriptedEffect):
        return effect._call(method, *arguments)
    return None
