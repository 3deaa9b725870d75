"""What VTK has of a view: a window, a renderer and an interactor with real observers. Nothing is drawn by itself."""

from __future__ import annotations

import vtk
from PySide6 import QtCore, QtGui

from ..strictness.overrides import HarnessGapError
from ..strictness.strict import qt_class

EVENTS = (
    *("EnterEvent", "LeaveEvent", "MouseMoveEvent", "MouseWheelForwardEvent", "MouseWheelBackwardEvent"),
    *(f"{button}Button{what}Event" for button in ("Left", "Middle", "Right") for what in ("Press", "Release")),
    *("LeftButtonDoubleClickEvent", "KeyPressEvent", "KeyReleaseEvent"),
)
"""What a view tells of the mouse and the keys."""

KEPT = ("MouseMoveEvent", "MouseWheelForwardEvent", "MouseWheelBackwardEvent")
"""What a view keeps to itself: whoever observes with a lower priority does not hear of it."""

EFFECTS_PRIORITY, OWN_PRIORITY = 1.0, 0.4


class Style:
    """Leads to the interactor, and does nothing with its events."""

    def __init__(self, interactor):
        self._interactor = interactor

    def GetInteractor(self):
        return self._interactor

    def __getattr__(self, name: str):
        raise HarnessGapError(f"an interactor style's {name} may exist in Slicer but not in this harness")


class Screen:
    """The VTK side of one view.

    ``left_to_slicer`` names the events that nobody has consumed, ``renders`` counts the drawings that were asked for.
    """

    def __init__(self):
        warnings = vtk.vtkObject.GetGlobalWarningDisplay()
        vtk.vtkObject.SetGlobalWarningDisplay(0)  # VTK asks for a screen before it falls back to none
        try:
            self.window = vtk.vtkRenderWindow()
            self.window.SetOffScreenRendering(1)
            self.renderer = vtk.vtkRenderer()
            self.window.AddRenderer(self.renderer)
            self.interactor = vtk.vtkGenericRenderWindowInteractor()
            self.interactor.SetRenderWindow(self.window)
            self.interactor.Enable()
        finally:
            vtk.vtkObject.SetGlobalWarningDisplay(warnings)
        self.interactor.SetInteractorStyle(None)
        self.style = Style(self.interactor)
        self.left_to_slicer: list[str] = []
        self.renders = 0
        self._scheduled = False
        for name in EVENTS:
            observe(self.interactor, name, self._keep, OWN_PRIORITY)

    def _keep(self, _caller, name: str) -> bool:
        self.left_to_slicer.append(name)
        return name in KEPT

    def render(self) -> None:
        self.renders += 1

    def schedule(self) -> None:
        """Render later, once however often it is asked for."""
        if self._scheduled:
            return
        self._scheduled = True
        QtCore.QTimer.singleShot(0, self._render_scheduled)

    def _render_scheduled(self) -> None:
        self._scheduled = False
        self.render()


def observe(interactor, name: str, react, priority: float) -> int:
    """Call ``react(interactor, name)`` at an event; when it returns True, nobody of a lower priority hears of it."""

    def call(caller, event: str) -> None:
        command = caller.GetCommand(tag)
        if react(caller, event) is True:
            command.SetAbortFlag(1)

    tag = interactor.AddObserver(name, call, priority)
    return tag


class VtkWidget(qt_class("QWidget")):
    """The widget that shows a view and takes its keys while it has the focus."""

    def __init__(self, parent):
        super().__init__(parent)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self._screen = None

    def keyPressEvent(self, event) -> None:
        self._tell("KeyPressEvent", event)

    def keyReleaseEvent(self, event) -> None:
        self._tell("KeyReleaseEvent", event)

    def _tell(self, name: str, event) -> None:
        interactor, key = self._screen.interactor, event.key()
        held = event.modifiers()
        # Of a modifier's own press the modifier is set, of its release it is not.
        interactor.SetShiftKey(int(bool(held & QtCore.Qt.KeyboardModifier.ShiftModifier)))
        interactor.SetControlKey(int(bool(held & QtCore.Qt.KeyboardModifier.ControlModifier)))
        if key in MODIFIERS:
            getattr(interactor, MODIFIERS[key])(int(name == "KeyPressEvent"))
        interactor.SetKeySym(key_symbol(key, event.text()))
        interactor.InvokeEvent(name)


MODIFIERS = {QtCore.Qt.Key.Key_Shift: "SetShiftKey", QtCore.Qt.Key.Key_Control: "SetControlKey"}
_SYMBOLS = {
    QtCore.Qt.Key.Key_Shift: "Shift_L",
    QtCore.Qt.Key.Key_Control: "Control_L",
    QtCore.Qt.Key.Key_Return: "Return",
    QtCore.Qt.Key.Key_Escape: "Escape",
    QtCore.Qt.Key.Key_Left: "Left",
    QtCore.Qt.Key.Key_Right: "Right",
    QtCore.Qt.Key.Key_Space: "space",
    QtCore.Qt.Key.Key_Tab: "Tab",
}


def key_symbol(key: int, text: str) -> str:
    """Name a key as VTK does."""
    return _SYMBOLS.get(key) or text or QtGui.QKeySequence(key).toString()
