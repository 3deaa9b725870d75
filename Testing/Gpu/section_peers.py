"""From a prepared volume to labels by the same network: ours, nnU-Net's sliding window, MONAI's.

The others are given the prepared tensor and only count their window and the argmax, ours does everything.
"""

from types import SimpleNamespace

import torch
from rows import Row
from scale import model_of, on, volume_of
from timing import peak_gb, seconds_of

OVERLAP = 0.5


def rows(scale):
    model, volume = model_of(scale), volume_of(scale)
    image = prepared(model, volume)
    expected, *ours_row = measured("ours, steps of half a tile", ours(scale, model, volume), scale, None)
    yield ours_row[0]
    for name, maker in (("nnU-Net's sliding window", nnunet), ("MONAI's sliding window", monai)):
        try:
            run = maker(scale, model, image)
        except ImportError as error:
            yield Row("peers", name, note=f"not installed ({error})")
            continue
        _, row = measured(name, run, scale, expected)
        yield row


def measured(name, run, scale, expected):
    labels = run()
    seconds = seconds_of(run, scale.device, min(scale.rounds, 3), warm=0)
    values = {"seconds": seconds, "peak GB": peak_gb(run, scale.device)}
    if expected is not None:
        values["labels as ours"] = float((torch.as_tensor(labels) == torch.as_tensor(expected)).float().mean())
    return labels, Row("peers", name, values)


def prepared(model, volume):
    from UNetSegmentLib.preprocessing import prepare

    return prepare(volume, model.card.preparation).tensor


def ours(scale, model, volume):
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset

    knobs = {"overlap": OVERLAP, "skip_background": False, "backend": "torch"}
    segmenter = Segmenter(model, str(scale.device), settings=preset("balanced").with_overrides(knobs))
    return lambda: segmenter.segment(volume).segmentation.voxels


def nnunet(scale, model, image):
    """Its predictor with nothing but what its window needs."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(
        tile_step_size=1 - OVERLAP,
        use_mirroring=False,
        perform_everything_on_device=scale.gpu,
        device=scale.device,
        allow_tqdm=False,
    )
    predictor.network = on(model.network(0), scale)
    predictor.configuration_manager = SimpleNamespace(patch_size=list(scale.patch))
    predictor.label_manager = SimpleNamespace(num_segmentation_heads=scale.classes)
    predictor.allowed_mirroring_axes = ()

    def run():
        with torch.inference_mode():
            return predictor.predict_sliding_window_return_logits(image).argmax(0).to("cpu", torch.uint8)

    return run


def monai(scale, model, image):
    from monai.inferers import SlidingWindowInferer

    network = on(model.network(0), scale)
    window = SlidingWindowInferer(scale.patch, scale.batch, overlap=OVERLAP, mode="gaussian", progress=False)

    def run():
        with torch.inference_mode(), torch.autocast(scale.device.type, torch.float16, enabled=scale.gpu):
            return window(image[None].to(scale.device), network)[0].argmax(0).to("cpu", torch.uint8)

    return run
