"""TensorRT engines of our ONNX exports in three precisions, against torch; and the engine's backend on a whole case."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rows import Row
from scale import model_of, on, volume_of
from timing import seconds_of

# Random weights on noise, where rounding decides many voxels: an engine that does something else gives a third.
LEAST = {"fp16": 0.97, "int8": 0.8, "fp32": 0.99}


def rows(scale):
    from UNetSegmentLib.compression.exporting import ExportSettings
    from UNetSegmentLib.compression.exporting.onnx_file import to_onnx
    from UNetSegmentLib.compression.exporting.source import open_source

    model = model_of(replace(scale, classes=3))
    source = open_source(model, "tensorrt", ExportSettings())
    tile = torch.randn(1, 1, *scale.patch)
    with torch.inference_mode():
        expected = on(model.network(0), scale)(tile.to(scale.device)).argmax(1).cpu()
    yield torch_row(scale, model, tile)
    for precision in LEAST:
        try:
            content = to_onnx(source, False, half=precision == "fp16")
            if precision == "int8":
                from UNetSegmentLib.compression.quantization.qdq import quantized_onnx

                content = quantized_onnx(content, [tile.numpy()])
        except Exception as error:  # of the exporter; the other precisions may do
            yield Row("tensorrt", f"ONNX, {precision}", ok=False, note=f"{type(error).__name__}: {error}"[:300])
            continue
        yield Row("tensorrt", f"ONNX, {precision}", {"MB": len(content) / 1e6})
        yield engine_row(scale, source, content, precision, tile, expected)
    yield backend_row(scale, model)


def torch_row(scale, model, tile):
    network, image = on(model.network(0), scale), tile.to(scale.device)

    def run():
        with torch.inference_mode(), torch.autocast(scale.device.type, torch.float16, enabled=scale.gpu):
            network(image)

    return Row("tensorrt", "torch beside it", {"ms a tile": 1000 * seconds_of(run, scale.device, 2 * scale.rounds)})


def engine_row(scale, source, content, precision, tile, expected):
    """Builds, writes with its sidecar, loads by the rule for engines, runs, compares."""
    from UNetSegmentLib.compression.exporting import ExportSettings, load_engine
    from UNetSegmentLib.compression.exporting.tensorrt_files import sidecar, to_engine
    from UNetSegmentLib.errors import UNetSegmentError

    name = f"engine, {precision}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.engine")
        try:
            engine, facts = to_engine(source, content, ExportSettings(precision=precision), path, "")
            path.write_bytes(engine)
            sidecar(path).write_bytes(facts)
            run = load_engine(path)
        except UNetSegmentError as error:
            missing = error.code in ("missing-package", "no-resources")
            return Row("tensorrt", name, ok=None if missing else False, note=f"{error} {error.detail}"[:400])
    same = float((run(tile).argmax(1).cpu() == expected).float().mean())
    image = tile.to(scale.device)
    seconds = seconds_of(lambda: run(image), scale.device, 4 * scale.rounds)
    values = {"ms a tile": 1000 * seconds, "same label": same, "MB": len(engine) / 1e6}
    return Row("tensorrt", name, values, ok=same >= LEAST[precision])


def backend_row(scale, model):
    """``backend=tensorrt`` in our engine, first and second run, against torch."""
    from UNetSegmentLib.errors import UNetSegmentError
    from UNetSegmentLib.inference import Segmenter
    from UNetSegmentLib.inference.settings import preset

    volume = volume_of(scale)
    settings = preset("balanced").with_overrides({"backend": "tensorrt"})
    segmenter = Segmenter(model, str(scale.device), settings=settings)
    try:
        found = segmenter.segment(volume).segmentation.voxels
    except UNetSegmentError as error:
        missing = error.code in ("missing-package", "no-resources", "bad-input")
        return Row("tensorrt", "backend, whole case", ok=None if missing else False, note=str(error)[:300])
    seconds = seconds_of(lambda: segmenter.segment(volume), scale.device, 2, warm=0)
    plain = Segmenter(model, str(scale.device), settings=preset("balanced").with_overrides({"backend": "torch"}))
    same = float((found == plain.segment(volume).segmentation.voxels).mean())
    beside = seconds_of(lambda: plain.segment(volume), scale.device, 2, warm=0)
    values = {"seconds": seconds, "torch": beside, "same label": same}
    return Row("tensorrt", "backend, whole case", values, ok=same >= LEAST["fp16"])
