"""The effect's behaviour: what mouse and keys in the views mean. Slicer's side of it is ``UNetSegmentEffect``."""

import logging
from dataclasses import dataclass

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from ..scene import provenance
from . import prompts, surfaces
from .correction import Correction
from .doubts import Doubts, jump_to, world_of
from .options import INCLUDE_KEY, KEYS, NEXT_KEY, OVERLAY_KEY, Options
from .overlay import Overlay, Ring
from .prompts import POINT, TOOLS, Drawn
from .sketch import Sketch
from .target import Target, chosen

logger = logging.getLogger(__name__)

NAME = "U-Net correct"
_TOOL, _INCLUDE = "Tool", "Include"
_STILL_PIXELS = 3
_REST_MS = 120_000
"""After another tool was taken, before the worker and its memory are let go."""


@dataclass
class _Drawing:
    """A stroke while it is drawn."""

    sketch: Sketch
    tool: str
    include: bool
    pixels: list[tuple[int, int]]

    @property
    def drawn(self) -> Drawn:
        return Drawn(self.tool, self.include, tuple(self.pixels))


class CorrectEffect:
    """One editor's tool.

    Args:
        effect: the scripted effect's C++ side.
    """

    def __init__(self, effect) -> None:
        self._effect = effect
        self._correction: Correction | None = None
        self._options = Options(
            self.choose_tool, self.choose_include, self._take_back, self.next_place, self.show_uncertainty
        )
        self.doubts = Doubts(self._show_doubts, self._on_place)
        self._overlay, self._ring = Overlay(), Ring(effect)
        self._drawing: _Drawing | None = None
        self._pressed: tuple | None = None
        self._pending: list[Sketch] = []
        self._shortcuts: list = []
        self._resting = qt.QTimer()
        self._resting.setSingleShot(True)
        self._resting.setInterval(_REST_MS)
        self._resting.connect("timeout()", self._rest)
        effect.addOptionsWidget(self._options)

    # -- what the user chose: parameters of the editor node ------------------------------------------------------------

    @property
    def tool(self) -> str:
        """The tool that is chosen."""
        tool = self._effect.parameter(_TOOL) if self._effect.parameterDefined(_TOOL) else POINT
        return tool if tool in TOOLS else POINT

    @property
    def include(self) -> bool:
        """Whether prompts include, without the modifier."""
        return not self._effect.parameterDefined(_INCLUDE) or self._effect.parameter(_INCLUDE) != "0"

    def choose_tool(self, tool: str) -> None:
        """Another tool."""
        self._effect.setParameter(_TOOL, tool)
        self.show_parameters()

    def choose_include(self, include: bool) -> None:
        """Include or exclude."""
        self._effect.setParameter(_INCLUDE, "1" if include else "0")
        self.show_parameters()

    def show_parameters(self) -> None:
        """Shows what is chosen."""
        if self._effect.parameterSetNode() is not None:
            self._options.show_tool(self.tool, self.include)

    # -- life ----------------------------------------------------------------------------------------------------------

    @property
    def correction(self) -> Correction:
        """The session, made when it is first needed."""
        if self._correction is None:
            self._correction = Correction(self._effect, self._show, self.doubts.edited)
        return self._correction

    def activate(self) -> None:
        """The tool is chosen."""
        self._resting.stop()
        self.show_parameters()
        self.correction.start()
        self._make_shortcuts()
        self._show()

    def deactivate(self) -> None:
        """Another tool is: what is on its way still arrives."""
        self._resting.start()
        self._drop_drawing()
        self._ring.hide()
        self._overlay.hide()
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts = []

    def _rest(self) -> None:
        if self._correction is not None and not self._effect.active():
            self._correction.rest()

    def cleanup(self) -> None:
        """The editor goes."""
        self._resting.stop()
        if self._correction is not None:
            self._correction.shutdown()
            self._correction = None
        self.doubts.stop()

    def _make_shortcuts(self) -> None:
        """Keys act while a view or the options have the focus: elsewhere letters belong to the fields."""
        actions = {key: lambda tool=tool: self.choose_tool(tool) for tool, key in KEYS.items()}
        actions[INCLUDE_KEY] = lambda: self.choose_include(not self.include)
        actions[NEXT_KEY] = self.next_place
        actions[OVERLAY_KEY] = lambda: self.show_uncertainty(not self._overlay.shown)
        layout = slicer.app.layoutManager()
        places = [self._options] if layout is None else [self._options, layout.viewport()]
        for place in places:
            for key, act in actions.items():
                shortcut = qt.QShortcut(qt.QKeySequence(key), place)
                shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
                shortcut.connect("activated()", act)
                self._shortcuts.append(shortcut)

    # -- mouse ---------------------------------------------------------------------------------------------------------

    def handle(self, caller, event_id: int, view) -> bool:
        """An event of a view; True keeps it from Slicer."""
        name = vtk.vtkCommand.GetStringFromEventId(event_id)
        if view.className() == "qMRMLThreeDWidget":
            self._handle_3d(caller, name, view)
            return False
        if name == "EnterEvent":
            self._on_enter(view)
            return False
        if name in ("LeftButtonPressEvent", "LeftButtonDoubleClickEvent"):
            # A second click comes without a press of its own. Shift pans.
            return not caller.GetShiftKey() and self._begin(caller, view)
        if self._drawing is None or self._drawing.sketch.view is not view:
            return False
        if name == "MouseMoveEvent":
            self._go_on(caller)
        elif name == "LeftButtonReleaseEvent":
            self._go_on(caller)
            self._finish()
        elif name == "RightButtonPressEvent" or (name == "KeyPressEvent" and caller.GetKeySym() == "Escape"):
            self._drop_drawing()
        else:
            return False
        return True

    def view_changed(self, view) -> None:
        """A slice moves on or is zoomed: sketches in pixels would stand at wrong places."""
        if view.className() != "qMRMLSliceWidget":
            return
        self._ring.update(view)
        if self._drawing is not None and self._drawing.sketch.view is view:
            self._drop_drawing()
        for sketch in [sketch for sketch in self._pending if sketch.view is view]:
            self._forget(sketch)

    def _on_enter(self, view) -> None:
        """The pointer comes: time to hand the image over, and to take the keys unless somebody types."""
        try:
            self.correction.prepare(self._target())
        except UNetSegmentError:
            logger.debug("Nothing to correct yet", exc_info=True)
        focused = slicer.app.focusWidget()
        typing = focused is not None and any(
            focused.inherits(kind) for kind in ("QLineEdit", "QAbstractSpinBox", "QTextEdit", "QPlainTextEdit")
        )
        if not typing:
            view.sliceView().VTKWidget().setFocus()

    def _begin(self, caller, view) -> bool:
        self._drop_drawing()
        try:
            self._target().check()
        except UNetSegmentError as error:
            self.correction.tell(error)
            return True
        include = self.include != bool(caller.GetControlKey())
        drawing = _Drawing(Sketch(self._effect, view), self.tool, include, [tuple(caller.GetEventPosition())])
        self._drawing = drawing
        drawing.sketch.show(drawing.drawn)
        return True

    def _go_on(self, caller) -> None:
        drawing = self._drawing
        position = tuple(caller.GetEventPosition())
        # Every movement comes twice.
        if position == drawing.pixels[-1]:
            return
        drawing.pixels.append(position)
        if drawing.tool in (prompts.SCRIBBLE, prompts.LASSO):
            drawing.sketch.extend(position)
        else:
            del drawing.pixels[1 if drawing.tool == prompts.BOX else 0 : -1]
            drawing.sketch.show(drawing.drawn)

    def _finish(self) -> None:
        drawn, sketch = self._drawing.drawn, self._drawing.sketch
        self._drawing = None
        self._pending.append(sketch)
        sketch.show(drawn)
        try:
            target = self._target()
            prompt = prompts.prompt_of(drawn, self._effect.viewNode(sketch.view), target.volume)
        except UNetSegmentError as error:
            self._forget(sketch)
            self.correction.tell(error)
            return
        self.correction.add(prompt, target, lambda: self._forget(sketch))

    def _handle_3d(self, caller, name: str, view) -> None:
        """A click that does not turn the view is a point on the surface under it."""
        position = tuple(caller.GetEventPosition())
        if name == "LeftButtonPressEvent":
            self._pressed = None if caller.GetShiftKey() else (view, position)
        elif name == "LeftButtonReleaseEvent" and self._pressed is not None:
            (pressed_in, before), self._pressed = self._pressed, None
            still = max(abs(a - b) for a, b in zip(before, position, strict=True)) <= _STILL_PIXELS
            if pressed_in is view and still:
                self._click_3d(view, position, self.include != bool(caller.GetControlKey()))

    def _click_3d(self, view, position, include: bool) -> None:
        place = surfaces.place_at(view, *position)
        if place is None:
            return
        try:
            target = self._target()
            target.check()
            prompt = prompts.point_at(place, include, target.volume)
        except UNetSegmentError as error:
            self.correction.tell(error)
            return
        self.correction.add(prompt, target, lambda: None)

    def _drop_drawing(self) -> None:
        self._pressed = None
        if self._drawing is not None:
            self._drawing.sketch.remove()
            self._drawing = None

    def _forget(self, sketch: Sketch) -> None:
        sketch.remove()
        if sketch in self._pending:
            self._pending.remove(sketch)

    def _target(self) -> Target:
        return chosen(self._effect.parameterSetNode())

    def _take_back(self, number: int | None) -> None:
        self.correction.take_back(number)

    # -- doubtful places -----------------------------------------------------------------------------------------------

    def next_place(self) -> None:
        """Jumps to the next doubtful place of the segment."""
        try:
            target = self._target()
            target.check()
            correction = self.correction
            self.doubts.next(target, lambda: correction.read(target), lambda: correction.image(target.volume))
        except UNetSegmentError as error:
            self.correction.tell(error)

    def show_uncertainty(self, shown: bool) -> None:
        """The model's uncertainty over the image, on or off."""
        node = self._effect.parameterSetNode().GetSegmentationNode()
        uncertainty = provenance.uncertainty_of(node) if node is not None else None
        if shown and uncertainty is not None:
            self._overlay.show(uncertainty)
        else:
            self._overlay.hide()
        self._show()

    def _on_place(self, place, target: Target) -> None:
        world = world_of(place, target)
        jump_to(world)
        layout = slicer.app.layoutManager()
        if layout is not None:
            self._ring.show(world, [layout.sliceWidget(name) for name in layout.sliceViewNames()])

    def _show_doubts(self) -> None:
        correction = self.correction
        correction.status, correction.problem = self.doubts.status, self.doubts.problem
        self._show()

    def _show(self) -> None:
        correction = self._correction
        if correction is None:
            return
        self._options.show_state(correction.status, correction.problem, correction.entries)
        node = self._effect.parameterSetNode()
        segmentation = node.GetSegmentationNode() if node is not None else None
        has_uncertainty = segmentation is not None and provenance.uncertainty_of(segmentation) is not None
        self._options.show_doubts(self.doubts.left(correction.target), has_uncertainty, self._overlay.shown)


def help_text() -> str:
    """What the editor shows as the effect's help."""
    return _(
        "Corrects the chosen segment where you point: click, scribble, draw a lasso or a box. What you include ends in "
        "the segment, what you exclude outside it; nothing far away changes. Ctrl turns include into exclude."
    )
