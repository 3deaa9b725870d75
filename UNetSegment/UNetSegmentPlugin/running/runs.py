"""One run of a model as the panel and scripts see it, and what is needed to start it."""

import enum
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import slicer

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.progress import ProgressEvent

from ..scene.results import Destination, Written


@dataclass(frozen=True)
class Order:
    """What to run.

    Args:
        volumes: one volume node per input channel of the model, or one vector volume node that holds all channels.
        card: of the model.
        package: where the model lies (folder or zip), as the worker shall load it.
        roi: a Markups ROI node, None for the whole volume.
        destination: where the result goes.
        where: address of the host that it runs on (``ssh://...``), empty for this computer.
        device, preset, settings, uncertainty: see ``UNetSegmentLib.worker.client.requests.SegmentRequest``.
    """

    volumes: tuple
    card: ModelCard
    package: str
    roi: object = None
    destination: Destination = field(default_factory=Destination)
    device: str = "auto"
    preset: str = "balanced"
    settings: dict[str, Any] = field(default_factory=dict)
    uncertainty: bool = False
    where: str = ""

    @property
    def needed_nodes(self) -> tuple:
        """Nodes without which the result cannot be placed any more."""
        return self.volumes


class RunState(enum.Enum):
    """Where a run stands. The last three are final."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


_numbers = itertools.count()


class Run:
    """A run in the queue. Read its attributes; :meth:`cancel` it; nothing else is to be called from outside.

    Attributes:
        number: later runs have higher ones.
        state: see :class:`RunState`.
        progress: the last event, None before the first.
        written: the segments, once done.
        error: why it failed.
        warnings: what the user should know about the result.
        timings: seconds by stage as the worker tells them, with ``click to result`` added.
        stamp, asked_again: for the runner, which asks a new worker once when the old one has died of another run.
    """

    def __init__(self, order: Order, cancel: Callable[["Run"], None]) -> None:
        self.number = next(_numbers)
        self.order = order
        self.state = RunState.WAITING
        self.progress: ProgressEvent | None = None
        self.written: Written | None = None
        self.error: UNetSegmentError | None = None
        self.warnings: tuple[str, ...] = ()
        self.timings: dict[str, float] = {}
        self.warm = False
        self.uncertainty = None
        self.stamp: tuple = ()
        self.asked_again = False
        self._cancel = cancel
        self._volume_ids = tuple(node.GetID() for node in order.needed_nodes)
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it was asked for."""
        return time.monotonic() - self._started

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"{self.order.volumes[0].GetName()} / {self.order.card.title}"

    def needs(self, node) -> bool:
        """Whether the run cannot end without this node."""
        return node.GetID() in self._volume_ids

    @property
    def inputs_present(self) -> bool:
        """Whether all its input volumes are still in the scene."""
        return all(slicer.mrmlScene.IsNodePresent(node) for node in self.order.needed_nodes)

    def cancel(self) -> None:
        """Stops it. The scene stays as it is; the state becomes CANCELLED within moments."""
        self._cancel(self)


def wait_for(work, timeout: float):
    """Keeps the application alive until ``work.state`` is final, or for ``timeout`` seconds; returns ``work``."""
    end = time.monotonic() + timeout
    while not work.state.final and time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.005)
    return work


def stamp_of(order: Order) -> tuple:
    """What changes when the voxels, the grid or the region of an order do."""
    nodes = [*order.volumes, *([order.roi] if order.roi is not None else [])]
    images = [node.GetImageData() for node in order.volumes]
    return tuple(item.GetMTime() for item in (*nodes, *images) if item is not None)
