"""One candidate on one case, in a process of its own: prints a line of JSON. Started by bench_peers.py."""

import argparse
import contextlib
import io
import json
import logging
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from peer_memory import PeakMemory
from peer_models import CASES, model_folder, package_folder

PARTS = ("read", "prepare", "network", "restore", "write")


class Clock:
    """Seconds per part of a case; parts inside others are not counted twice."""

    def __init__(self):
        self.parts = defaultdict(float)
        self._inside = []

    @contextlib.contextmanager
    def part(self, name):
        start = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.parts[name] += seconds - self._inside.pop()
            if self._inside:
                self._inside[-1] += seconds

    def timed(self, name, function):
        def run(*arguments, **named):
            with self.part(name):
                return function(*arguments, **named)

        return run


def ours(case, arguments, settings, output):
    """Our engine. OpenVINO's compiled network is loaded before the clock starts, as the others' weights are."""
    from UNetSegmentLib.geometry import Box
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset
    from UNetSegmentLib.io import read_volume, write_segmentation
    from UNetSegmentLib.models import load_model

    name, backend = settings
    knobs = preset(name).with_overrides({"backend": backend, "mirrors": arguments.mirrors})
    segmenter = Segmenter(load_model(package_folder(case, arguments.work, arguments.tiny)), "cpu", settings=knobs)
    segmenter.model.network(0)
    if backend != "torch":
        volume = read_volume(case.image)
        middle = [n // 2 for n in volume.geometry.shape]
        segmenter.segment(volume.cropped(Box.whole((16, 16, 16)).shifted(middle)))

    def run(clock):
        with clock.part("read"):
            volume = read_volume(case.image)
        result = segmenter.segment(volume)
        for part in ("prepare", "network", "restore"):
            clock.parts[part] += result.timings[part]
        clock.parts["restore"] += result.timings["finish"]
        with clock.part("write"):
            write_segmentation(result.segmentation, output)
        return {"tiles": result.settings["tiles"]}

    return run


def nnunet(case, arguments, settings, output):
    """nnUNetPredictor, sequential, in process; ``settings``: with its torch resampling."""
    import torch
    from nnunet_environment import nnunet as environment
    from nnunetv2.inference import predict_from_raw_data as module

    folder = model_folder(case, arguments.work, arguments.tiny, torch_resampling=settings)
    stack = contextlib.ExitStack()
    stack.enter_context(environment(arguments.work / "unused"))
    predictor = module.nnUNetPredictor(
        tile_step_size=0.5,
        use_mirroring=arguments.mirrors,
        perform_everything_on_device=True,
        device=torch.device("cpu"),
        allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(str(folder), (0,))
    given = arguments.work / "input"
    given.mkdir(exist_ok=True)
    link = given / f"{case.image.name.removesuffix('.nii.gz')}_0000.nii.gz"
    if not link.exists():
        link.write_bytes(case.image.read_bytes())

    def run(clock):
        reader = predictor.plans_manager.image_reader_writer_class
        preprocessor = predictor.configuration_manager.preprocessor_class
        reader.read_images = clock.timed("read", reader.read_images)
        reader.write_seg = clock.timed("write", reader.write_seg)
        preprocessor.run_case_npy = clock.timed("prepare", preprocessor.run_case_npy)
        predictor.predict_logits_from_preprocessed_data = clock.timed(
            "network", predictor.predict_logits_from_preprocessed_data
        )
        module.export_prediction_from_logits = clock.timed("restore", module.export_prediction_from_logits)
        predictor.predict_from_files_sequential([[str(link)]], [str(output).removesuffix(".nii.gz")])
        return {}

    return run


def monai(case, arguments, settings, output):
    """MONAI's transforms and sliding window around the same network; logits brought back by its Invertd."""
    import torch
    from monai import transforms
    from monai.inferers import SlidingWindowInferer

    from UNetSegmentLib.models import load_model

    model = load_model(package_folder(case, arguments.work, arguments.tiny))
    network = model.network(0)
    (scheme,) = model.card.preparation.normalization
    # Its images are x, y, z; its Spacingd is linear, as is usual with it.
    steps = [transforms.EnsureChannelFirstd("image")]
    if case.spacing:
        steps.append(transforms.Spacingd("image", pixdim=[case.spacing] * 3, mode="bilinear"))
    steps += [
        transforms.ThresholdIntensityd("image", scheme.lower, above=True, cval=scheme.lower),
        transforms.ThresholdIntensityd("image", scheme.upper, above=False, cval=scheme.upper),
        transforms.NormalizeIntensityd("image", subtrahend=scheme.mean, divisor=scheme.std),
        transforms.Transposed("image", (0, 3, 2, 1)),  # the network wants z, y, x
    ]
    before = transforms.Compose(steps)
    load = transforms.LoadImaged("image")
    back = transforms.Compose(
        [
            transforms.Invertd("pred", before, orig_keys="image", nearest_interp=False, to_tensor=True),
            transforms.AsDiscreted("pred", argmax=True),
        ]
    )
    save = transforms.SaveImage(
        output.parent, output_postfix="", separate_folder=False, output_dtype="uint8", print_log=False
    )
    inferer = SlidingWindowInferer(tuple(case.patch), 1, overlap=0.5, mode="gaussian", padding_mode="constant")
    passes = [()]
    if arguments.mirrors:
        passes = [tuple(a + 2 for a in range(3) if flags >> a & 1) for flags in range(8)]

    def mirrored(tile):
        return sum(network(tile.flip(axes)).flip(axes) if axes else network(tile) for axes in passes) / len(passes)

    def run(clock):
        with torch.inference_mode():
            with clock.part("read"):
                item = load({"image": str(case.image)})
            with clock.part("prepare"):
                item = before(item)
            with clock.part("network"):
                item["pred"] = inferer(item["image"][None], mirrored)[0]
            with clock.part("restore"):
                item = back(item)
            with clock.part("write"):
                save(item["pred"])
        return {}

    return run


def bare(case, arguments, settings, output):
    """Nothing but the forward passes of nnU-Net's tiles, by the network in torch."""
    import torch

    from UNetSegmentLib.inference.tiles import plan_tiles
    from UNetSegmentLib.io import read_volume
    from UNetSegmentLib.models import load_model
    from UNetSegmentLib.preprocessing import prepare

    model = load_model(package_folder(case, arguments.work, arguments.tiny))
    network = model.network(0)
    shape = prepare(read_volume(case.image), model.card.preparation).tensor.shape[1:]
    tiles = len(list(plan_tiles(shape, case.patch, 0.5)))
    tile = torch.randn(1, 1, *case.patch)

    def run(clock):
        with clock.part("network"), torch.inference_mode():
            for _ in range(tiles * (8 if arguments.mirrors else 1)):
                network(tile)
        return {"tiles": tiles}

    return run


CANDIDATES = {
    "bare passes, torch": (bare, None),
    "ours, exact, torch": (ours, ("exact", "torch")),
    "ours, exact, OpenVINO": (ours, ("exact", "openvino")),
    "ours, balanced, torch": (ours, ("balanced", "torch")),
    "ours, balanced, OpenVINO": (ours, ("balanced", "openvino")),
    "nnU-Net": (nnunet, False),
    "nnU-Net, torch resampling": (nnunet, True),
    "MONAI": (monai, None),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidate", choices=CANDIDATES)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--mirrors", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    case = CASES[arguments.case]
    maker, settings = CANDIDATES[arguments.candidate]
    output = output_file(arguments.work, arguments.candidate, case)
    output.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.redirect_stdout(io.StringIO()):
        run = maker(case, arguments, settings, output)
        clock = Clock()
        with PeakMemory() as memory:
            start = time.perf_counter()
            more = run(clock)
            seconds = time.perf_counter() - start
    parts = {part: clock.parts.get(part, 0.0) for part in PARTS}
    print(json.dumps({"seconds": seconds, "parts": parts, "peak": memory.above, **more}))


def output_file(work, candidate, case):
    """Where a candidate writes its labels: MONAI keeps the image's name, so all do."""
    return work / "output" / candidate.replace(", ", "-").replace(" ", "-") / case.name / case.image.name


if __name__ == "__main__":
    main()
