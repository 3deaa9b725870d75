"""Models kept loaded between requests."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.messages import Load, Segment

if TYPE_CHECKING:
    from ...inference import Segmenter
    from ...models.model import Model

logger = logging.getLogger(__name__)

CAPACITY = 3
_CARD = "model.json"


@dataclass(eq=False)
class WarmModel:
    """A loaded model, the package file state that it was loaded from, and the segmenter of its last request."""

    name: str
    model: Model
    stamp: str
    segmenter: Segmenter | None = None
    settings: str = ""

    def segmenter_for(self, request: Load | Segment, make: Callable[[Model, Load | Segment], Segmenter]) -> Segmenter:
        """The kept segmenter when the request asks for the same run as the last one, else a new one."""
        settings = json.dumps([request.device, request.preset, request.settings], sort_keys=True)
        if self.segmenter is None or settings != self.settings:
            self.segmenter, self.settings = make(self.model, request), settings
        return self.segmenter


class WarmModels:
    """The most recently used models, at most ``capacity``, oldest out first.

    A model is known by what the client called it, and reloaded when its package changed on the disk meanwhile.

    Args:
        load: opens a package by name or path.
    """

    def __init__(self, load: Callable[[str], Model], capacity: int = CAPACITY) -> None:
        self._load = load
        self._capacity = capacity
        self._models: dict[str, WarmModel] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    def find(self, name: str) -> WarmModel | None:
        """The model if it is loaded and its package is still the same."""
        warm = self._models.get(name)
        if warm is None:
            return None
        if warm.stamp != package_stamp(warm.model.folder):
            logger.info("The model '%s' has changed on the disk and is loaded again.", name)
            self.drop(name)
            return None
        self._models[name] = self._models.pop(name)
        return warm

    def load(self, name: str) -> WarmModel:
        """Loads a model and keeps it. Raises what the loading raises."""
        model = self._load(name)
        while len(self._models) >= self._capacity:
            self.drop(next(iter(self._models)))
        warm = self._models[name] = WarmModel(name, model, package_stamp(model.folder))
        return warm

    def drop(self, name: str | None = None) -> tuple[str, ...]:
        """Forgets a model, or all; returns the names of those that were there."""
        names = self.names if name is None else tuple(n for n in self.names if n == name)
        for entry in names:
            del self._models[entry]
        return names


def package_stamp(path: Path | None) -> str:
    """What changes when a package does: its card (which holds the digests of its files), and the files' sizes and
    times. Empty for what is not there."""
    if path is None:
        return ""
    try:
        if path.is_file():
            info = path.stat()
            return f"{path}:{info.st_size}:{info.st_mtime_ns}"
        card = hashlib.sha256((path / _CARD).read_bytes()).hexdigest()
        files = sorted((item.name, item.stat().st_size, item.stat().st_mtime_ns) for item in path.iterdir())
        return f"{path}:{card}:{files}"
    except OSError:
        return ""
