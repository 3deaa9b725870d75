"""Less and less memory: the run must end with labels, by smaller batches, a buffer on the host, smaller tiles or the
CPU, and with the same labels as long as the tiles are the same."""

import torch
from rows import Row
from scale import model_of, smaller, volume_of

# GB that torch may take: with nnU-Net's usual network, and with a small one that ends on the CPU in no time.
CAPS = (12, 6, 3, 2)
SMALL_CAPS = (0.5, 0.05)


def rows(scale):
    scale = smaller(scale, classes=3)
    model, volume = model_of(scale), volume_of(scale)
    expected = run(model, volume, scale)
    yield Row("memory", "all of it", about(expected), ok=True)
    for cap in CAPS:
        yield limited(model, volume, scale, cap, expected)
    for megabytes in (4000, 1000) if scale.gpu else (50, 1):
        found = run(model, volume, scale, memory_limit=megabytes * 1_000_000)
        yield judged(f"planned for {megabytes} MB", found, expected)
    little = smaller(scale, features=(8, 16, 32))
    model, volume = model_of(little), volume_of(scale, scale.patch)
    expected = run(model, volume, scale)
    for cap in SMALL_CAPS:
        yield limited(model, volume, scale, cap, expected)


def limited(model, volume, scale, cap, expected):
    """With a cap that torch's allocator keeps, of which the plan knows nothing: the ladder must catch it."""
    if not scale.gpu:
        return Row("memory", f"cap of {cap} GB", note="needs a GPU")
    fraction = min(cap * 1e9 / torch.cuda.get_device_properties(scale.device).total_memory, 1.0)
    model.network(0).to("cpu")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(fraction, scale.device)
    try:
        found = run(model, volume, scale)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, scale.device)
    return judged(f"cap of {cap} GB", found, expected)


def judged(name, found, expected):
    same = float((found.segmentation.voxels == expected.segmentation.voxels).mean())
    # Random weights: rounding decides many voxels, and on the CPU it is that of single precision.
    least = 0.98 if found.settings["device"] == expected.settings["device"] else 0.95
    # With instance norms tiles of another size give other labels; that there are some is all that can be said.
    other = found.settings["patch"] != expected.settings["patch"]
    ok = None if other else same >= least
    return Row("memory", name, {**about(found), "same label": same}, ok=ok, note=" ".join(found.warnings))


def about(result):
    used = result.settings
    return {
        "on": used["device"].split(" (")[0][:24],
        "batch": used["batch"],
        "patch": "x".join(map(str, used["patch"])),
        "seconds": result.timings["segment"] if "segment" in result.timings else result.timings["network"],
    }


def run(model, volume, scale, **overrides):
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset

    settings = preset("balanced").with_overrides({"backend": "torch", **overrides})
    return Segmenter(model, str(scale.device), settings=settings).segment(volume)
