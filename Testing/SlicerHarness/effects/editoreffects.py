"""The effects of one editor widget."""

from __future__ import annotations

import logging

import vtk
from PySide6 import QtWidgets

from ..strictness.strict import raw
from ..viewing.screen import EFFECTS_PRIORITY, EVENTS, observe
from .effects import is_slice, qSlicerSegmentEditorAbstractEffect, screen_of
from .scriptedeffects import qSlicerSegmentEditorEffectFactory, qSlicerSegmentEditorScriptedEffect, tell

logger = logging.getLogger(__name__)


_LIVING: list[EditorEffects] = []
"""Of every editor there was, which lives on with them: nothing of it is collected in the midst of its own signals."""


def end_all() -> None:
    """At the end of the process, while views and Python are still there."""
    for effects in list(_LIVING):
        effects.cleanup()


class EditorEffects:
    """The effects of one editor widget: its own clones, the active one, and the events that it is given.

    Args:
        editor: the widget.
    """

    def __init__(self, editor):
        self._editor = editor
        self._effects: dict[str, qSlicerSegmentEditorAbstractEffect] = {}
        self._active = None
        self._observed: list[tuple[object, int]] = []
        self._ended = False
        _LIVING.append(self)
        self.frame = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(self.frame)
        layout.setContentsMargins(0, 0, 0, 0)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._effects)

    @property
    def active(self):
        return self._active

    def by_name(self, name: str):
        return self._effects.get(name)

    def update(self) -> list[str]:
        """Clone what was registered since; return the names that are new."""
        new = []
        for prototype in qSlicerSegmentEditorEffectFactory.instance().registeredEffects():
            if prototype.name in self._effects:
                continue
            effect = self._clone(prototype)
            if effect is None:
                logger.error("failed to clone effect: %s", prototype.name)
                continue
            effect._editor = self._editor
            self._effects[effect.name] = effect
            new.append(effect.name)
            if self._editor.mrmlSegmentEditorNode() is not None:
                tell(effect, "setMRMLDefaults")
            tell(effect, "icon")
            raw(effect._frame).hide()
            self.frame.layout().addWidget(effect._frame)
            tell(effect, "setupOptionsFrame")
        return new

    @staticmethod
    def _clone(prototype):
        if isinstance(prototype, qSlicerSegmentEditorScriptedEffect):
            return prototype._call("clone")
        return qSlicerSegmentEditorAbstractEffect(prototype.name)

    def tell_all(self, method: str, *arguments) -> None:
        for effect in self._effects.values():
            tell(effect, method, *arguments)

    def show(self, name: str) -> None:
        """Make an effect active, or none."""
        effect = self._effects.get(name)
        if effect is self._active:
            return
        before, self._active = self._active, effect
        if before is not None:
            before._active = False
            raw(before._frame).hide()
            tell(before, "deactivate")
        if effect is None:
            return
        effect._active = True
        raw(effect._frame).show()
        for method in ("updateGUIFromMRML", "activate", "helpText"):
            tell(effect, method)
        for view in _views():
            if is_slice(view):
                for _ in range(2):
                    tell(effect, "createCursor", view)
        self.observe_views()

    def refresh(self) -> None:
        if self._active is not None:
            tell(self._active, "updateGUIFromMRML")

    def cleanup(self) -> None:
        """The editor goes. Its effects stay for Python to free: their frames are being deleted at this moment."""
        if self._ended:
            return
        self._ended = True
        self.forget_views()
        self.tell_all("cleanup")
        self._active = None

    # -- views ---------------------------------------------------------------------------------------------------------

    def observe_views(self) -> None:
        if self._observed:
            return
        for view in _views():
            interactor = screen_of(view).interactor
            for name in EVENTS:
                tag = observe(
                    interactor, name, lambda caller, event, v=view: self._handle(caller, event, v), EFFECTS_PRIORITY
                )
                self._observed.append((interactor, tag))
            node = view.mrmlSliceNode() if is_slice(view) else view.mrmlViewNode()
            tag = node.AddObserver(
                vtk.vtkCommand.ModifiedEvent, lambda caller, _event, v=view: self._on_view_node(caller, v)
            )
            self._observed.append((node, tag))

    def forget_views(self) -> None:
        for observed, tag in self._observed:
            observed.RemoveObserver(tag)
        self._observed = []

    def _handle(self, caller, event: str, view) -> bool:
        if not isinstance(self._active, qSlicerSegmentEditorScriptedEffect):
            return False
        return self._active._handle(caller, vtk.vtkCommand.GetEventIdFromString(event), view)

    def on_interaction(self, node) -> None:
        """At a change of the mouse's mode: an effect that wants to know stays active in place mode, others do not."""
        if self._active is None:
            return
        if hasattr(getattr(self._active, "_python", None), "interactionNodeModified"):
            tell(self._active, "interactionNodeModified", node)
        elif node.GetCurrentInteractionMode() == node.Place:
            self._editor.setActiveEffect(None)

    def _on_view_node(self, node, view) -> None:
        if self._active is not None:
            tell(self._active, "processViewNodeEvents", node, vtk.vtkCommand.ModifiedEvent, view)


def _views() -> list:
    import slicer

    layout = slicer.app.layoutManager()
    slices = [layout.sliceWidget(name) for name in layout.sliceViewNames()]
    return [*slices, *(layout.threeDWidget(n) for n in range(layout.threeDViewCount))]
