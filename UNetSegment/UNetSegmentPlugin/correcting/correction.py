"""The session of a segment that is corrected: prompts go to the worker, its answers into the scene, and what others do
to the segment into the session.

One thing at a time: a prompt that is drawn while another is on its way waits for the answer to be written, so that
scene and session never speak of different label maps.
"""

import collections
import logging
import time
from collections.abc import Callable

import numpy as np
import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.geometry import Box
from UNetSegmentLib.labels import Label
from UNetSegmentLib.refinement import Strokes
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.refining import RefineClient, RefineHistory, RefineListener, RefineState

from ..running.worker_process import QProcessTransport
from ..scene import provenance
from . import labels, regridding, writing
from .images import ReadImage
from .jobs import Job, told
from .place import Place
from .prompts import description
from .steps import Step, count_to
from .surfaces import Surfaces
from .target import Target
from .watching import Watch

logger = logging.getLogger(__name__)

_SETTLE_MS = 100
"""After somebody else's change, before the session is told of it."""


class Correction(RefineListener):
    """Corrects the segments of one editor.

    Args:
        effect: the scripted effect's C++ side, through which segments are written.
        changed: called when :attr:`status`, :attr:`problem` or :attr:`entries` may have changed.
        edited: called with the target, a box and the voxels (z, y, x) of it that a prompt has changed.
    """

    def __init__(self, effect, changed: Callable[[], None], edited: Callable = lambda *_arguments: None) -> None:
        self.status = ""
        self.problem: UNetSegmentError | None = None
        self._effect, self._changed, self._edited = effect, changed, edited
        self._place = Place()
        self._client = RefineClient(QProcessTransport(), self, command=self._place.command)
        self._surfaces = Surfaces()
        self._target: Target | None = None
        self._image = ReadImage()
        self._labels = np.zeros((0, 0, 0), np.uint8)
        self._stamp: tuple = ()
        self._steps: dict[int, Step] = {}
        self._history = RefineHistory()
        self._earlier = provenance.Prompts()
        self._seconds = 0.0
        self._waiting: collections.deque[Job] = collections.deque()
        self._asked: dict[int, Job | None] = {}
        self._settling = qt.QTimer()
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLE_MS)
        self._settling.connect("timeout()", self._go)
        self._watch = Watch(lambda: self._settling.start())

    # -- what the effect calls -----------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return bool(self._asked or self._waiting)

    @property
    def entries(self) -> list[tuple[int, str]]:
        """Number and words of the edits that made the segment what it is, oldest first."""
        return [(made.number, description(made.edit)) for made in self._history.done]

    @property
    def target(self) -> Target | None:
        """What the session speaks of; None without one."""
        return self._target

    def read(self, target: Target) -> np.ndarray:
        """A segment as a session sees it, see :mod:`.labels`."""
        return labels.read(target, self._overwrite)

    def start(self) -> None:
        """Starts the worker, so that the first prompt need not wait for it."""
        self._move()
        self._trying(self._client.start)

    def prepare(self, target: Target) -> None:
        """Hands image and labels over before they are needed. Problems are told with the first prompt."""
        if not self.busy:
            self._move()
            try:
                target.check()
                self._follow(target)
            except UNetSegmentError:
                logger.debug("Not ready for prompts yet", exc_info=True)
            except Exception:
                logger.exception("The image could not be handed over yet")
                self._target = None

    def add(self, prompt, target: Target, done: Callable[[], None]) -> None:
        """Takes a prompt; the segment changes when its answer comes."""
        self._ask(Job(target, prompt, done=done))

    def take_back(self, number: int | None) -> None:
        """Takes one edit back by its number in :attr:`entries`, or all of them."""
        if self._target is not None:
            self._ask(Job(self._target, number=number))

    def tell(self, error: UNetSegmentError) -> None:
        """Shows a problem."""
        self.status, self.problem = "", error
        self._changed()

    def close(self) -> None:
        """Ends the session; what waits is given up."""
        self._watch.end()
        self._settling.stop()
        self._target = None
        self._image.forget()
        self._history, self._steps = RefineHistory(), {}
        jobs = [*self._asked.values(), *self._waiting]
        self._asked, self._waiting = {}, collections.deque()
        self._client.close()
        for job in jobs:
            if job is not None:
                job.done()

    def rest(self) -> None:
        """Ends the worker, which nobody needs at the moment; the session goes on with the next prompt."""
        if not self.busy:
            self._client.kill()

    def shutdown(self) -> None:
        """Ends the session and the worker."""
        self.close()
        self._surfaces.bring_back()
        self._client.shutdown(timeout=2.0)

    # -- what the worker says (RefineListener) -------------------------------------------------------------------------

    def on_opened(self, number: int) -> None:
        self._answered(number)

    def on_change(self, number: int, change, history: RefineHistory) -> None:
        if number not in self._asked:
            return
        self._history = history
        job = self._asked[number]
        try:
            if job is not None:
                self._take(number, job, change)
        except Exception as error:
            # Whatever it is, the next prompt must not wait for ever; it begins a session of what is there.
            logger.exception("A correction could not be written to the scene")
            self._target = None
            self.tell(UNetSegmentError(_("The correction could not be written to the scene."), detail=str(error)))
        self._answered(number)

    def on_failed(self, number: int, error: UNetSegmentError) -> None:
        if number not in self._asked:
            return
        job = self._asked[number]
        if self._place.leave(error):
            # The session is the client's, which takes it up here.
            self._client.use_command(self._place.command)
            if job is not None:
                del self._asked[number]
                self._waiting.appendleft(job)
        else:
            self.tell(error)
        if job is None:
            # What others did could not be told to the session: the next prompt begins another.
            self._target = None
        self._answered(number)

    def on_state(self, state: RefineState) -> None:
        if state is RefineState.REPLACING:
            self.status = self._place.replacing
            self.problem = None
            self._changed()

    def on_log(self, level: str, message: str) -> None:
        logger.info("%s: %s", level, message)

    # -- one thing at a time -------------------------------------------------------------------------------------------

    def _ask(self, job: Job) -> None:
        self.problem = None
        self.status = _("Correcting ...")
        self._waiting.append(job)
        self._changed()
        self._go()

    def _answered(self, number: int) -> None:
        job = self._asked.pop(number, None)
        if job is not None:
            job.done()
        self._changed()
        if not self._asked:
            self._settling.start() if not self._waiting else self._go()

    def _go(self) -> None:
        """Tells the session what others did, then asks for the next thing that waits."""
        if self._asked:
            return
        if not self._waiting:
            if self._target is not None:
                self._trying(lambda: self._follow(self._target))
            return
        job = self._waiting.popleft()
        if not job.target.present:
            job.done()
            self._say_gone()
            self._go()
        elif not self._trying(lambda: self._send(job)):
            job.done()
            self._go()

    def _trying(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except UNetSegmentError as error:
            self.tell(error)
            return False
        except Exception as error:
            logger.exception("A correction could not be asked for")
            self._target = None
            self.tell(UNetSegmentError(_("The correction could not be handed over."), detail=str(error)))
            return False
        return True

    def _move(self) -> None:
        """To where corrections are to be worked out from now on. The session goes along."""
        if not self._asked and self._place.moved():
            self._client.use_command(self._place.command)

    def _send(self, job: Job) -> None:
        self._move()
        job.target.check()
        self._follow(job.target)
        if job.prompt is not None:
            number = self._client.add(job.prompt)
        elif job.number is None:
            number = self._client.reset()
        else:
            number = self._client.remove(job.number)
        self._asked[number] = job

    # -- scene to session ----------------------------------------------------------------------------------------------

    def _follow(self, target: Target) -> None:
        """A session of ``target`` as it is now."""
        if not target.present:
            self.close()
            return
        if not (target.is_same(self._target) and self._image.knows(target.volume) and self._client.is_open):
            self._open(target)
            return
        stamp = labels.stamp(target, self._overwrite)
        if stamp == self._stamp:
            return
        present = self.read(target)
        self._stamp = stamp
        changed = labels.difference(self._labels, present)
        if changed is not None:
            # Nothing is written to the segment here, not even a tag: after an undo the editor would take it for an edit
            # of its own, and forget what can be redone. Tags come back with the state.
            self._tell_session(present, changed)
            self._labels = present

    def _tell_session(self, present: np.ndarray, changed: Box) -> None:
        """What others did: the editor's undo or redo of prompts is one of the session, all else are strokes."""
        back = [self._step(made.number, "before") for made in reversed(self._history.done)]
        forth = [self._step(made.number, "after") for made in self._history.undone]
        for patches, ask in ((back, self._client.undo), (forth, self._client.redo)):
            count = count_to(self._labels, present, changed, patches)
            if count is not None:
                for _number in range(count):
                    self._asked[ask()] = None
                return
        before, after = self._labels[changed.slices], present[changed.slices]
        self._stroke(changed, before, after)
        self._edited(self._target, changed, before != after)

    def _step(self, number: int, side: str):
        step = self._steps.get(number)
        return None if step is None else getattr(step, side)

    def _stroke(self, box: Box, before: np.ndarray, after: np.ndarray) -> None:
        number = self._client.add(Strokes(box, np.ascontiguousarray(after)))
        self._steps[number] = Step.of(box, before, after)
        self._asked[number] = None

    def _open(self, target: Target) -> None:
        self._watch.end()
        self._target = None
        volume = self.image(target.volume)
        present = self.read(target)
        names = (Label(labels.OWN, target.segment.GetName()), Label(labels.LOCKED, _("Locked segments")))
        number = self._client.open(
            volume, Segmentation(present, volume.geometry, names), labels.OWN, locked=(labels.LOCKED,)
        )
        self._asked[number] = None
        self._target, self._labels, self._steps = target, present, {}
        self._stamp = labels.stamp(target, self._overwrite)
        self._history = RefineHistory()
        self._earlier, self._seconds = provenance.prompts_of(target.segment), 0.0
        self._watch.begin(target.segmentation)

    def image(self, volume_node) -> Volume:
        """The same object as long as the node's voxels are the same: then they are handed over once."""
        return self._image.of(volume_node)

    @property
    def _overwrite(self) -> int:
        node = self._effect.parameterSetNode()
        # An editor that lets its node go may still have an answer on its way.
        return slicer.vtkMRMLSegmentEditorNode.OverwriteAllSegments if node is None else node.GetOverwriteMode()

    # -- session to scene ----------------------------------------------------------------------------------------------

    def _take(self, number: int, job: Job, change) -> None:
        """Writes an answer, and tells the session where the editor's masks allowed less."""
        target = job.target
        seconds = time.monotonic() - job.began
        if job.prompt is None:
            # The later edits were made anew: what each of them changes is not known any more.
            self._steps = {}
        if not target.present:
            self._say_gone()
            return
        box, kept = change.box, 0
        before = self._labels[box.slices].copy()
        if job.prompt is not None:
            self._steps[number] = Step.of(box, before, change.labels)
        if not change.empty:
            kept = self._write(target, box, before, change.labels)
            self._edited(target, box, before != change.labels)
        self._seconds += seconds
        self._mark()
        self.status = self._place.said(told(change, kept, seconds))

    def _say_gone(self) -> None:
        self.problem = None
        self.status = _("The segment or its image was removed meanwhile; there is nothing left to correct.")
        self._changed()

    def _write(self, target: Target, box: Box, before: np.ndarray, wanted: np.ndarray) -> int:
        """Returns how many voxels the editor's masks kept as they were."""
        self._surfaces.take_away(target.segmentation)
        node = self._effect.parameterSetNode()
        if node is not None and node.GetSegmentationNode() is target.segmentation:
            self._effect.saveStateForUndo()
        untouched = labels.stamp(target, self._overwrite) == self._stamp
        writing.write(self._effect, target, labels.values(target, self._overwrite), box, before, wanted)
        area = box.padded(regridding.margin(target)).intersect(Box.whole(self._labels.shape))
        expected = self._labels[area.slices].copy()
        expected[box.relative_to(area).slices] = wanted
        present = labels.read(target, self._overwrite, area)
        self._labels[area.slices] = present
        if untouched:
            self._stamp = labels.stamp(target, self._overwrite)
        if not np.array_equal(present, expected):
            self._stroke(area, expected, present)
        # Beside a grid of another kind more may have come than was wanted; less comes of masks.
        asked = (wanted == labels.OWN) != (before == labels.OWN)
        got = self._labels[box.slices] == labels.OWN
        return int(np.count_nonzero(asked & (got != (wanted == labels.OWN))))

    def _mark(self) -> None:
        """Where the segment comes from: how many prompts, how many seconds."""
        segment = self._target.segment if self._target is not None else None
        if segment is None:
            return
        count = self._earlier.count + sum(not isinstance(made.edit, Strokes) for made in self._history.done)
        now = provenance.Prompts(count, round(self._earlier.seconds + self._seconds, 1))
        if now.count != provenance.prompts_of(segment).count:
            provenance.mark_prompts(segment, now)
