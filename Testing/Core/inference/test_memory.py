"""Memory stays a slab of classes: measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from phantoms import card

from UNetSegmentLib.budget import is_out_of_memory
from UNetSegmentLib.inference.memory import ladder, need_of

SCRIPT = """
import resource, sys
sys.path.insert(0, {here!r})
import numpy as np, torch
torch.set_num_threads(1)
from phantoms import SplitLevels, level_model
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.volume import Volume
classes, size = 40, 160
labels = np.random.default_rng(0).integers(0, classes, (size,) * 3).astype(np.uint8)
spacing = {spacing}
model = level_model(classes, {network}, patch=(16, 80, 80), preparation={{"spacing": spacing}})
segmenter = Segmenter(model, device="cpu", settings=EngineSettings(overlap=0.25, weighting="flat"))
segmenter.segment(Volume(labels[None, :16, :80, :80], Geometry((80, 80, 16))))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = segmenter.segment(Volume(labels[None], Geometry((size,) * 3)))
if spacing is None:
    assert np.array_equal(result.segmentation.voxels, labels)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads Linux's units of ru_maxrss")
@pytest.mark.parametrize("spacing", [None, (1.25, 1.25, 1.25)])
@pytest.mark.parametrize(("network", "share"), [("None", 0.4), ("SplitLevels", 0.15)])
def test_many_classes_do_not_take_classes_times_volume(spacing, network, share):
    """Least with a network whose head can be taken off: then features are kept, here one channel for 40 classes."""
    script = SCRIPT.format(here=str(Path(__file__).parent), spacing=spacing, network=network)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    everything = 40 * 160**3 * 4  # 655 MB
    assert int(run.stdout) < share * everything


def test_a_plan_that_cannot_fit_is_left_out_but_never_the_last():
    contract = card(classes=30, patch=(32, 32, 32))
    cpu = torch.device("cpu")
    everything = list(ladder(contract, cpu, (64, 64, 64), (32, 32, 32), 4, half=False))
    assert [p.batch for p in everything[:3]] == [4, 2, 1]
    assert everything[-1].patch < (32, 32, 32) and everything[-1].warning
    largest = need_of(everything[0], contract, (64, 64, 64), half=False).host
    limited = list(ladder(contract, cpu, (64, 64, 64), (32, 32, 32), 4, half=False, limit=largest - 1))
    assert limited == everything[1:]
    assert list(ladder(contract, cpu, (64, 64, 64), (32, 32, 32), 4, half=False, limit=1)) == everything[-1:]


def test_the_gpu_ladder_ends_on_the_cpu(monkeypatch):
    import UNetSegmentLib.inference.memory as memory

    monkeypatch.setattr(memory, "free_memory", lambda device: 1 << 40)
    cuda = torch.device("cuda:0")
    plans = list(ladder(card(), cuda, (64, 64, 64), (32, 32, 32), 0, half=True))
    assert (plans[0].device, plans[0].accumulate_on) == (cuda, cuda)
    hosts = [p for p in plans if p.device == cuda and p.accumulate_on.type == "cpu"]
    assert hosts and all(p.batch == 1 for p in hosts)
    assert plans[-1].device.type == "cpu" and "CPU" in plans[-1].warning


def test_features_need_less_than_logits():
    contract = card(classes=60, patch=(32, 32, 32))
    plan = next(ladder(contract, torch.device("cpu"), (64, 64, 64), (32, 32, 32), 1, half=False))
    logits = need_of(plan, contract, (64, 64, 64), half=False).host
    features = need_of(plan, contract, (64, 64, 64), half=False, features=4).host
    slab = 55 * 32 * 64 * 64 * 4
    assert logits - features > slab
    # A single tile goes straight to the labels.
    single = need_of(plan, contract, (32, 32, 32), half=False).host
    assert single < logits - 60 * 32 * 64 * 64 * 4 / 2


def test_half_precision_and_smaller_patches_need_less():
    contract = card(patch=(32, 32, 32))
    plan = next(ladder(contract, torch.device("cpu"), (64, 64, 64), (32, 32, 32), 1, half=False))
    assert (
        need_of(plan, contract, (64, 64, 64), half=True).host < need_of(plan, contract, (64, 64, 64), half=False).host
    )


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_signs_of_memory_running_out(error, is_memory):
    assert is_out_of_memory(error) is is_memory
