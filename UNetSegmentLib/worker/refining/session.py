"""A correction through a worker for scripts: ask, wait, get the change or the exception."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...errors import UNetSegmentError
from ...refinement import Change, Edit, Strokes
from ...refinement.checks import label_values
from ...refinement.labelmap import edited
from ...volume import Segmentation, Volume
from ..transport.pipes import SubprocessTransport
from .client import RefineClient
from .listener import RefineHistory, RefineListener

_POLL = 0.05


class RefineSession:
    """As :class:`UNetSegmentLib.refinement.Session`, in a worker; used from one thread.

    ::

        with RefineSession(volume, segmentation, label=1) as session:
            change = session.add(Point((x, y, z)))
            write_segmentation(session.segmentation, path)

    Args:
        volume, segmentation, label, probabilities, locked, editable, reach: see
            :meth:`~.client.RefineClient.open`.
        log: gets the worker's log lines (level, line).
        command, environment, folder: see :class:`~.client.RefineClient`.

    Raises:
        UNetSegmentError: what :class:`~UNetSegmentLib.refinement.Session` would have raised; WorkerError for the worker
            itself.
    """

    def __init__(
        self,
        volume: Volume,
        segmentation: Segmentation | None = None,
        label: int = 1,
        *,
        probabilities: Volume | np.ndarray | None = None,
        locked: Collection[int] = (),
        editable: np.ndarray | None = None,
        reach: float | None = None,
        log: Callable[[str, str], None] | None = None,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._transport = SubprocessTransport(threaded=False)
        if segmentation is None:
            segmentation = Segmentation(np.zeros(volume.geometry.shape, np.uint8), volume.geometry)
        self._given = replace(segmentation, voxels=label_values(np.asarray(segmentation.voxels)))
        self._answers = _Answers(self._given.voxels.copy(), log)
        self.client = RefineClient(self._transport, self._answers, command, environment, folder)
        self._label = label
        try:
            self._wait(
                self.client.open(
                    volume,
                    segmentation,
                    label,
                    probabilities=probabilities,
                    locked=locked,
                    editable=editable,
                    reach=reach,
                )
            )
        except BaseException:
            self.client.shutdown()
            raise

    @property
    def segmentation(self) -> Segmentation:
        """The label map as it is now, a copy. Segments that edits began have a label "Label N"."""
        brought = {value for edit in self.history for value in _values(edit, self._label)}
        return edited(self._given, self._given.voxels.dtype, self._answers.labels, brought)

    @property
    def label(self) -> int:
        """The value that is corrected."""
        return self._label

    @property
    def history(self) -> tuple[Edit, ...]:
        """The edits that made the label map what it is, oldest first."""
        return tuple(made.edit for made in self.client.history.done)

    @property
    def undone(self) -> tuple[Edit, ...]:
        """Edits that :meth:`redo` would make again, the next one first."""
        return tuple(made.edit for made in self.client.history.undone)

    def add(self, edit: Edit) -> Change:
        """See :meth:`UNetSegmentLib.refinement.Session.add`."""
        return self._change(self.client.add(edit))

    def undo(self) -> Change:
        """Takes the last edit back."""
        return self._change(self.client.undo())

    def redo(self) -> Change:
        """Makes the edit again that was undone last."""
        return self._change(self.client.redo())

    def reset(self) -> Change:
        """Takes all edits back."""
        return self._change(self.client.reset())

    def remove(self, number: int) -> Change:
        """Takes one edit back, by its number in :attr:`history`.

        Raises:
            InputError: there is no such edit.
        """
        done = self.client.history.done
        # A number that no edit has where it is out of range: the client then says so.
        return self._change(self.client.remove(done[number].number if 0 <= number < len(done) else 0))

    def close(self) -> None:
        """Ends the worker."""
        self.client.shutdown()

    def __enter__(self) -> RefineSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _change(self, number: int) -> Change:
        change: Change = self._wait(number)
        return change

    def _wait(self, number: int) -> Any:
        while number not in self._answers.arrived:
            self._transport.pump(_POLL)
        answer = self._answers.arrived.pop(number)
        if isinstance(answer, UNetSegmentError):
            raise answer
        return answer


def _values(edit: Edit, label: int) -> Collection[int]:
    """Labels that an edit may bring."""
    if isinstance(edit, Strokes):
        return [int(value) for value in np.unique(edit.labels[edit.painted]) if value]
    return [edit.segment or label] if edit.include else []


class _Answers(RefineListener):
    """Collects what arrives, by number, and follows the changes: also one that nobody waits for any more."""

    def __init__(self, labels: np.ndarray, log: Callable[[str, str], None] | None) -> None:
        self.labels = labels
        self.arrived: dict[int, Any] = {}
        self._log = log

    def on_opened(self, number: int) -> None:
        self.arrived[number] = None

    def on_change(self, number: int, change: Change, history: RefineHistory) -> None:
        if not change.empty:
            self.labels = self.labels.astype(np.promote_types(self.labels.dtype, change.labels.dtype), copy=False)
            self.labels[change.box.slices] = change.labels
        self.arrived[number] = change

    def on_failed(self, number: int, error: UNetSegmentError) -> None:
        self.arrived[number] = error

    def on_log(self, level: str, message: str) -> None:
        if self._log is not None:
            self._log(level, message)
