"""A worker that makes quick versions without the work, for tests and pictures: ``python compress_worker.py MODE``.

MODE is ``quick``; ``slow``, which waits to be cancelled between steps; ``deaf``, which never looks; ``refuse``, which
could not keep the loss; or ``die``, which ends in the midst of it.
"""

import os
import runpy
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock


def main(mode: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from UNetSegmentLib.worker.serving.stdio import claim_stdio

    channel = claim_stdio()
    from UNetSegmentLib.worker.running import compressing
    from UNetSegmentLib.worker.serving import stdio

    mock.patch.object(stdio, "claim_stdio", lambda: channel).start()
    mock.patch.object(compressing, "_quantized", lambda *arguments: _made(mode, *arguments)).start()
    mock.patch.object(compressing, "step_back", lambda: None).start()
    if mode != "quick":
        _without_torch()
    sys.argv = sys.argv[:1]
    runpy.run_module("UNetSegmentLib.worker", run_name="__main__")


def _without_torch() -> None:
    """Where no model is read, the seconds that torch takes can be spared."""
    from UNetSegmentLib.worker.protocol.messages import Device, Ready
    from UNetSegmentLib.worker.running.engine import CoreEngine

    mock.patch.object(CoreEngine, "probe", lambda self: Ready("2.6", (Device("cpu", "CPU"),))).start()


def _made(mode: str, order, output: Path, progress, cancel):
    from UNetSegmentLib.compression.measuring import Measured
    from UNetSegmentLib.compression.result import Compressed
    from UNetSegmentLib.errors import InputError
    from UNetSegmentLib.models import load_model, save_model
    from UNetSegmentLib.models.card import CompressedForm, FormAccuracy
    from UNetSegmentLib.progress import Stage

    images = sorted(path.name for path in Path(order.cases).glob("images/*"))
    _work(mode, Stage("calibration tiles", 12, progress, cancel), 3)
    _work(mode, Stage("measure full weights", 12, progress, cancel), 7)
    if mode == "refuse":
        raise InputError(
            "A loss of at most 0.003 Dice could not be reached: the best INT8 form loses 0.0071, with 6 layers in "
            "float. Nothing was written.",
            "Allow more (--max-loss 0.008), or write it all the same with --unreached.",
        )
    if mode == "die":
        output.mkdir()
        (output / "model.json").write_text("{}", encoding="utf-8")
        os._exit(9)
    model = load_model(order.model)
    measured = FormAccuracy("12 cases", 12, 0.8852, 0.8861, 0.9981, 0.004)
    form = CompressedForm(
        "int8-openvino", (("int8-fold0.xml", "int8-fold0.bin"),), "nncf, openvino", "64 tiles", ("last",), measured
    )
    files = {"int8-fold0.xml": b"<net/>", "int8-fold0.bin": bytes(1_410_000)}
    save_model(replace(model.card, forms=(form,)), [model.network(0).state_dict()], output, extra=files)
    before, after = (Measured(("a",) * 12, ("b",), ((dice,),) * 12) for dice in (0.8861, 0.8852))
    notes = (f"Made with {len(images)} images.", "99.810% of the voxels have the label that the full weights give.")
    return Compressed(output, "int8", before, after, 5_560_000, 1_410_000, notes, 0.29, 0.1)


def _work(mode: str, stage, slow_from: int) -> None:
    """Steps of a moment; in the midst of them long ones, where somebody shall have time to look or to cancel."""
    for number in range(stage.total):
        if mode in ("slow", "deaf") and stage.name == "measure full weights" and number >= slow_from:
            _wait(mode, stage)
        time.sleep(0.02)
        stage.step()


def _wait(mode: str, stage) -> None:
    for _ in range(6000):
        time.sleep(0.1)
        if mode == "slow":
            stage.check()


if __name__ == "__main__":
    main(sys.argv[1])
