"""What the benchmarks share: a timer that takes turns, peak memory, a table, and where the real images lie."""

import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TESTING = Path(__file__).resolve().parents[1]
TESTING_FAR = TESTING / "Core" / "worker" / "far"


def side_by_side(candidates, rounds=3, warmup=True):
    """Best seconds of each candidate (name -> function); they take turns, so that noise hits all alike."""
    best = dict.fromkeys(candidates, float("inf"))
    if warmup:
        for run in candidates.values():
            run()
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def peak_rss():
    """Peak resident memory of this process so far, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def machine():
    """One line about where the figures come from."""
    model = platform.processor() or platform.machine()
    try:
        listing = subprocess.run(["lscpu"], capture_output=True, encoding="utf-8", check=True).stdout
        model = next(line.split(":")[1].strip() for line in listing.splitlines() if line.startswith("Model name"))
    except (OSError, subprocess.CalledProcessError, StopIteration):
        pass
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ", no GPU"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    return f"{model}, {torch.get_num_threads()} threads{gpu}, {versions}"


def table(title, header, rows):
    """Prints a table with its title; every cell is text already."""
    widths = [max(len(str(row[n])) for row in [header, *rows]) for n in range(len(header))]
    print(f"\n{title}\n{machine()}")
    for row in [header, ["-" * w for w in widths], *rows]:
        print("  ".join(str(cell).ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())
    print(flush=True)


def small_unet(classes=3, features=(8, 16, 32), dimension=3):
    """Configuration of a plain U-Net with instance norm, small enough for a CPU."""
    from UNetSegmentLib.networks.config import NetworkConfig

    stages = len(features)
    ones, twos, threes = ((n,) * dimension for n in (1, 2, 3))
    return NetworkConfig(
        dimension=dimension,
        in_channels=1,
        out_channels=classes,
        features=tuple(features),
        kernels=(threes,) * stages,
        strides=(ones, *(twos,) * (stages - 1)),
        encoder_convs=(2,) * stages,
        decoder_convs=(2,) * (stages - 1),
    )


def model_of(config, patch, **preparation):
    """A model in memory with random weights."""
    from UNetSegmentLib.labels import Label
    from UNetSegmentLib.models import Model
    from UNetSegmentLib.models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
    from UNetSegmentLib.networks import build

    torch.manual_seed(0)
    preparation = {"normalization": (Normalization("percentile", 0.5, 99.5),), **preparation}
    card = ModelCard(
        name="benchmark",
        version="0",
        title="Benchmark",
        description="Random weights.",
        anatomy="none",
        modality="any",
        inputs=(InputChannel("image", "any"),),
        labels=tuple(Label(v, f"class {v}") for v in range(1, config.out_channels)),
        network=config,
        preparation=Preparation(**preparation),
        inference=InferenceContract(patch=tuple(patch), output_values=tuple(range(config.out_channels))),
    )
    return Model.in_memory(card, [build(config)])


def head_ct():
    """The real head CT angiography, 256 x 242 x 154."""
    from UNetSegmentLib.io import read_volume

    return read_volume(DATA / "ct" / "ct_head_avm.nii.gz")
