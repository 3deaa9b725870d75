"""Torch against OpenVINO and ONNX Runtime on the CPU: seconds for one tile, how alike the answers are, start-up.

python Testing/Benchmarks/bench_backends.py [--quick]   (--quick: small networks only, one round)
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from common import head_ct, small_unet, table

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.inference.backends.allocation import MemoryReuse
from UNetSegmentLib.inference.backends.choice import make_backend
from UNetSegmentLib.inference.backends.comparison import agreement, difference
from UNetSegmentLib.inference.backends.compiled_cache import CompiledCache
from UNetSegmentLib.inference.backends.installed import version_of
from UNetSegmentLib.inference.backends.openvino_backend import OpenVinoBackend, forget_compiled
from UNetSegmentLib.inference.backends.request import BackendRequest
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.card import Normalization, Preparation
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.config import NetworkConfig
from UNetSegmentLib.preprocessing import prepare

CPU = torch.device("cpu")
PRECISIONS = {"f32": None, "f16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Case:
    """One network with the tiles that it gets."""

    name: str
    network: torch.nn.Module
    tiles: torch.Tensor
    small: bool

    @property
    def dimension(self):
        return 2 if self.tiles.shape[2] == 1 else 3


def plain_unet(classes=2, dimension=3):
    """nnU-Net's usual plain network."""
    features = (32, 64, 128, 256, 320, 320) if dimension == 3 else (32, 64, 128, 256, 512, 512, 512)
    stages, ones, twos = len(features), (1,) * dimension, (2,) * dimension
    strides = (ones, *(twos,) * (stages - 1))
    kernels = ((3,) * dimension,) * stages
    return NetworkConfig(dimension, 1, classes, features, kernels, strides, (2,) * stages, (2,) * (stages - 1))


def random_weights(config):
    torch.manual_seed(0)
    return build(config).eval().requires_grad_(False)


def cases(quick):
    """Random weights on a real CT, so that labels are as close to a tie as they get; and the bundled, trained model."""
    volume = head_ct()
    image = prepare(volume, Preparation(normalization=(Normalization("percentile", 0.5, 99.5),))).tensor

    def tiles(*patch):
        box = Box.whole(image.shape[1:]).shape
        start = [max((n - p) // 2, 0) for n, p in zip(box, patch, strict=True)]
        part = image[:, *(slice(s, s + p) for s, p in zip(start, patch, strict=True))]
        missing = [n for p, have in zip(reversed(patch), reversed(part.shape[1:]), strict=True) for n in (0, p - have)]
        return torch.nn.functional.pad(part, missing)[None].clone()

    model = load_model("hippocampus-t1")
    yield Case("hippocampus-t1, trained", model.network(0), tiles(40, 56, 40), True)
    yield Case("small 3D, 8 to 32", random_weights(small_unet()), tiles(96, 96, 96), True)
    yield Case("small 2D, 8 to 32", random_weights(small_unet(dimension=2)), tiles(1, 256, 256), True)
    if quick:
        return
    yield Case("plain 2D, 32 to 512", random_weights(plain_unet(dimension=2)), tiles(1, 512, 512), False)
    yield Case("plain 3D, 32 to 320", random_weights(plain_unet()), tiles(64, 64, 64), False)
    yield Case("plain 3D, 32 to 320", random_weights(plain_unet()), tiles(96, 96, 96), False)
    yield Case("plain 3D, 32 to 320", random_weights(plain_unet()), tiles(128, 128, 128), False)
    yield Case("plain 3D, 105 classes", random_weights(plain_unet(105)), tiles(96, 96, 96), False)


def backends_of(case, folder):
    """Name to backend, with the seconds that each takes to start (compile) and to start again (from the cache)."""
    found, starts = {}, {}
    for precision, autocast in PRECISIONS.items() if version_of("openvino") else ():
        name = f"OpenVINO {precision}"
        for _ in range(2):
            forget_compiled()
            options = {"autocast": autocast, "key": "benchmark", "cache": CompiledCache(folder)}
            found[name] = OpenVinoBackend([case.network], case.dimension, **options)
            started = time.perf_counter()
            found[name].compile(case.tiles.shape)
            starts.setdefault(name, []).append(f"{time.perf_counter() - started:.1f}")
    if version_of("onnxruntime") and version_of("onnx"):
        started = time.perf_counter()
        found["ONNX Runtime f32"] = make_backend(BackendRequest([case.network], case.dimension, CPU, name="onnx"))
        found["ONNX Runtime f32"].predict(case.tiles)
        starts["ONNX Runtime f32"] = [f"{time.perf_counter() - started:.1f}"]
    return found, starts


def plain_torch(case):
    with torch.inference_mode():
        return case.network(case.tiles.squeeze(2) if case.dimension == 2 else case.tiles)


def seconds_of(run, count):
    started = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - started) / count


def measure(case, rounds, folder):
    """Rows of the table: every way in turn, best of the rounds."""
    ways, starts = backends_of(case, folder)
    reference = plain_torch(case).reshape(1, -1, *case.tiles.shape[2:])
    count = max(1, int(0.3 / max(seconds_of(lambda: plain_torch(case), 1), 1e-3)))
    best = {}

    def note(name, seconds):
        best[name] = min(best.get(name, float("inf")), seconds)

    for _ in range(rounds):
        note("torch", seconds_of(lambda: plain_torch(case), count))
        reuse = MemoryReuse()
        plain_torch(case)
        note("torch, freed memory kept", seconds_of(lambda: plain_torch(case), count))
        del reuse
        for name, backend in ways.items():
            backend.predict(case.tiles)
            note(name, seconds_of(lambda backend=backend: backend.predict(case.tiles), count))
    rows = []
    patch = "x".join(map(str, case.tiles.shape[2:]))
    for name, seconds in best.items():
        same, apart = "", ""
        if name in ways:
            logits = ways[name].predict(case.tiles)
            same = f"{agreement(reference, logits, 'softmax'):.5%}"
            apart = f"{difference(reference, logits):.1e}"
        ratio = f"{best['torch'] / seconds:.2f}"
        rows.append([case.name, patch, name, f"{seconds:.3f}", ratio, same, apart, " / ".join(starts.get(name, []))])
    return rows


def main():
    quick = "--quick" in sys.argv
    rows = []
    for case in cases(quick):
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(case, 1 if quick else 3, Path(folder))
        forget_compiled()
    table(
        f"Backends: one tile, batch 1; OpenVINO {version_of('openvino')}, ONNX Runtime {version_of('onnxruntime')}",
        ["network", "tile", "backend", "seconds", "times as fast", "same label", "difference", "start / again, s"],
        rows,
    )


if __name__ == "__main__":
    main()
