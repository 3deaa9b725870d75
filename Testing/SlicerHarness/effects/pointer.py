"""The mouse and the keyboard as a person has them: what they do reaches the views as the events that Slicer sends."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtTest

from ..strictness.strict import raw
from .effects import is_slice, screen_of

_FOCUS = QtCore.Qt.FocusReason.MouseFocusReason


class Pointer:
    """Moves over views (qMRMLSliceWidget, qMRMLThreeDWidget), presses and turns; keys go where the last click was.

    Positions are pixels of a view from its lower left corner. ``shift`` and ``control`` are held while they are true.
    """

    def __init__(self):
        self.view = None
        self.position = (0, 0)
        self.shift = self.control = False
        self._held: str | None = None

    def move(self, x: int, y: int, view=None) -> None:
        """To a place of a view, of the same one by default. While a button is held, everything stays with the view
        where it was pressed, also beyond its sides."""
        self.position = (x, y)
        if view is not None and view is not self.view and self._held is None:
            self._leave()
            self.view = view
            self._send("EnterEvent")
        for _ in range(2):
            self._send("MouseMoveEvent")

    def press(self, button: str = "Left") -> None:
        self._held = button
        self._focus()
        self._send(f"{button}ButtonPressEvent")

    def release(self) -> None:
        button, self._held = self._held, None
        self._send(f"{button}ButtonReleaseEvent")
        x, y = self.position
        width, height = raw(self.view).width(), raw(self.view).height()
        if not (0 <= x < width and 0 <= y < height):
            self._leave()

    def click(self, x: int, y: int, view=None, button: str = "Left") -> None:
        self.move(x, y, view)
        self.press(button)
        self.release()

    def drag(self, points, view=None, button: str = "Left") -> None:
        """Press at the first of ``points``, release at the last."""
        self.move(*points[0], view)
        self.press(button)
        for point in points[1:]:
            self.move(*point)
        self.release()

    def double_click(self, x: int, y: int, view=None) -> None:
        """There is no second press; 3D views do not hear of the double click itself."""
        self.click(x, y, view)
        if is_slice(self.view):
            self._send("LeftButtonDoubleClickEvent", repeat=1)
        self._send("LeftButtonReleaseEvent")

    def wheel(self, forward: bool = True) -> None:
        self._send("MouseWheelForwardEvent" if forward else "MouseWheelBackwardEvent")

    def key(self, text: str) -> None:
        """A key, as in ``N``, ``Ctrl+Z``, ``Esc``, to whatever has the focus: shortcuts come first."""
        combination = QtGui.QKeySequence(text)[0]
        target = self._widget()
        QtTest.QTest.keyClick(target, combination.key(), combination.keyboardModifiers())

    def modifier(self, key, down: bool) -> None:
        """Shift or Control goes down or up while the view has the focus."""
        act = QtTest.QTest.keyPress if down else QtTest.QTest.keyRelease
        act(self._widget(), key)
        if key == QtCore.Qt.Key.Key_Shift:
            self.shift = down
        elif key == QtCore.Qt.Key.Key_Control:
            self.control = down

    def _leave(self) -> None:
        if self.view is not None:
            self._send("LeaveEvent")
            self.view = None

    def _widget(self):
        return (self.view.sliceView() if is_slice(self.view) else self.view.threeDView())._vtk

    def _focus(self) -> None:
        window = raw(raw(self.view).window())
        window.show()
        window.activateWindow()
        raw(self._widget()).setFocus(_FOCUS)
        QtCore.QCoreApplication.processEvents()

    def _send(self, name: str, repeat: int = 0) -> None:
        interactor = screen_of(self.view).interactor
        x, y = self.position
        interactor.SetEventInformation(x, y, int(self.control), int(self.shift), "\0", repeat, "")
        interactor.InvokeEvent(name)
