"""A worker process with an engine that does as the model's name says; for tests of everything but the engine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from UNetSegmentLib.errors import ModelError, OutputError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.progress import CancelToken, ProgressCallback, Stage
from UNetSegmentLib.worker.exchange.mapped import read_array, write_array
from UNetSegmentLib.worker.protocol.compression import Compress, Compressed, CompressionOutcome
from UNetSegmentLib.worker.protocol.encoding import (
    Device,
    Import,
    Imported,
    ImportedModel,
    LibraryInstall,
    Load,
    Loaded,
    Ready,
    Result,
    Segment,
    Train,
    Trained,
    Unload,
    Unloaded,
)
from UNetSegmentLib.worker.protocol.training_runs import Outcome
from UNetSegmentLib.worker.serving.process import serve
from UNetSegmentLib.worker.serving.stdio import claim_stdio


class FakeEngine:
    def probe(self) -> Ready:
        if "--die-early" in sys.argv:
            os._exit(3)
        return Ready("0.0", (Device("cpu", "CPU"),))

    def warm_up(self) -> None:
        pass

    def load(self, request: Load, cancel: CancelToken) -> Loaded:
        return Loaded(request.id, request.model, "1", "", False, 0.0)

    def train(self, request: Train, progress: ProgressCallback, cancel: CancelToken) -> Trained:
        """A folder that ends in ``.wait`` trains until it is cancelled."""
        stage = Stage("train", 2, progress, cancel)
        stage.step()
        while request.folder.endswith(".wait"):
            time.sleep(0.005)
            stage.check()
        outcome = Outcome(not request.keep, 2, 2, "m", "1", "Title", str(request.models), ("a",), (None,))
        return Trained(request.id, outcome)

    def compress(self, request: Compress, progress: ProgressCallback, cancel: CancelToken) -> Compressed:
        """Cases that end in ``.wait`` are worked on until that is cancelled."""
        stage = Stage("calibrate", 2, progress, cancel)
        stage.step()
        while request.order.cases.endswith(".wait"):
            time.sleep(0.005)
            stage.check()
        order = request.order
        outcome = CompressionOutcome(order.name, "1", order.title, str(request.models), order.recipe, 4, 1)
        return Compressed(request.id, outcome)

    def unload(self, request: Unload) -> Unloaded:
        return Unloaded(request.id, ("echo",))

    def bring(self, request: Import | LibraryInstall, progress: ProgressCallback, cancel: CancelToken) -> Imported:
        """A path that ends in ``.wait`` imports until it is cancelled; ``.ts`` is refused without trust."""
        where = request.path if isinstance(request, Import) else request.entry
        stage = Stage("import", 2, progress, cancel, "weights")
        stage.step()
        while where.endswith(".wait"):
            time.sleep(0.005)
            stage.check()
        if isinstance(request, Import) and where.endswith(".ts") and not request.trust:
            raise ModelError("It is a program.", "Say that you trust it.")
        return Imported(request.id, (ImportedModel(Path(where).stem, "1", "Title", str(request.folder)),))

    def segment(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> Result:
        getattr(self, f"_{request.model}")(request, progress, cancel)
        first = request.inputs[0]
        voxels = (read_array(first.array)[0] > 0).astype(np.uint8)
        file = write_array(voxels, Path(request.results["labels"]), held=True)
        return Result(request.id, file, first.geometry, (Label(1, "blob"),), request.model, "1")

    def _echo(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        stage = Stage("segment", 3, progress, cancel)
        for _ in range(3):
            stage.step()

    def _gated(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        """Says that it runs, then waits for a file."""
        stage = Stage("segment", 2, progress, cancel)
        stage.step()
        while not Path(request.settings["gate"]).exists():
            time.sleep(0.005)
            stage.check()

    def _deaf(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        Stage("segment", 2, progress).step()
        time.sleep(3600)

    def _noisy(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        print("python print")
        os.write(1, b"descriptor one\n")
        subprocess.run([sys.executable, "-c", "print('a child')"], check=True)

    def _thirsty(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        assert sys.stdin.read() == "", "a library that reads stdin must not get the protocol"

    def _bug(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        raise ValueError("a bug")

    def _unsendable(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        stage = Stage("segment", 1, progress, cancel)
        stage.total = float("nan")  # type: ignore[assignment]
        stage.step()

    def _lost(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def _full(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        raise OutputError("The disk is full.", "Free some space.")

    def _abort(self, request: Segment, progress: ProgressCallback, cancel: CancelToken) -> None:
        os.abort()


if __name__ == "__main__":
    channel = claim_stdio()
    serve(FakeEngine(), channel)
