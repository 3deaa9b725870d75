"""A client of corrections beside a session in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from refining_helpers import GEOMETRY, Call, LoopTransport, Watcher, case

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.worker.refining import RefineClient

MIDDLE = tuple(GEOMETRY.to_physical(np.array([8.0, 7.0, 3.0])))
CORNER = tuple(GEOMETRY.to_physical(np.array([15.0, 13.0, 6.0])))


class Setting:
    """A client, its worker and its listener."""

    def __init__(self, folder: Path, seed: int = 0, **loop: Any) -> None:
        self.volume, self.segmentation = case(seed)
        self.transport = LoopTransport(**loop)
        self.watcher = Watcher(self.segmentation.voxels)
        self.client = RefineClient(self.transport, self.watcher, folder=folder, environment={})

    def open(self, **more: Any) -> int:
        return self.client.open(self.volume, self.segmentation, **more)

    def call(self, call: Call, numbers: list[int | None]) -> int | None:
        """Makes a call; None when it is refused at once."""
        try:
            return self._call(call, numbers)
        except InputError:
            return None

    def _call(self, call: Call, numbers: list[int | None]) -> int:
        if call.step == "edit":
            assert call.edit is not None
            return self.client.add(call.edit)
        if call.step == "remove":
            known = numbers[call.target] if call.target is not None and call.target < len(numbers) else None
            return self.client.remove(known or 0)
        return getattr(self.client, call.step)()
