"""A whole case over the bare forward passes of its tiles: what everything around the network costs."""

import torch
from rows import Row
from scale import model_of, on, volume_of
from timing import peak_gb, seconds_of

CLASSES = (2, 25, 105)


def rows(scale):
    for classes in (3,) if scale.tiny else CLASSES:
        yield whole_case(scale, classes)


def whole_case(scale, classes):
    from dataclasses import replace

    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset

    model, volume = model_of(replace(scale, classes=classes)), volume_of(scale)
    settings = preset("balanced").with_overrides({"skip_background": False, "backend": "torch"})
    segmenter = Segmenter(model, str(scale.device), settings=settings)
    result = segmenter.segment(volume)
    whole = seconds_of(lambda: segmenter.segment(volume), scale.device, min(scale.rounds, 3), warm=0)
    memory = peak_gb(lambda: segmenter.segment(volume), scale.device)
    tiles = result.settings["tiles"]
    bare = bare_passes(scale, model, tiles, result.settings["batch"])
    values = {"seconds": whole, "bare passes": bare, "over bare": whole / bare, "tiles": tiles, "peak GB": memory}
    return Row("engine", f"{classes} classes", values)


def bare_passes(scale, model, tiles, batch):
    """Seconds of so many tiles by the network alone, in half precision on a GPU, in the engine's batches."""
    network = on(model.network(0), scale)
    image = torch.randn(batch, 1, *scale.patch, device=scale.device)

    def run():
        with torch.inference_mode(), torch.autocast(scale.device.type, torch.float16, enabled=scale.gpu):
            for _ in range(-(-tiles // batch)):
                network(image)

    return seconds_of(run, scale.device, min(scale.rounds, 3), warm=1)
