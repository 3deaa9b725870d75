"""What a user waits for: the cold first click, the warm second one, the bare network, and a cancel.

Times run from the request (voxels still in memory) to the result's arrays in the client. The network is the bundled
hippocampus-t1 where it is there, else one of its size with random weights.
"""

import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from common import DATA, side_by_side, table

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.inference.tiles import padding, plan_tiles
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import list_models, load_model, save_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.preprocessing import prepare
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.worker.client.requests import SegmentRequest
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.errors import WorkerError

ROUNDS = 5
FIELD_MM = (40.0, 56.0, 40.0)


def model_name(folder):
    if "hippocampus-t1" in [card.name for card in list_models()]:
        return "hippocampus-t1"
    from common import model_of, small_unet

    config = small_unet(3, (16, 32, 64, 128))
    card = model_of(config, (40, 56, 40), orientation="RAS", spacing=(1.0, 1.0, 1.0)).card
    return str(save_model(card, [build(config).state_dict()], Path(folder) / "random"))


def region_of(volume, card):
    """A box of the model's field of view in the middle of the head."""
    field = (card.field_of_view_mm or FIELD_MM)[::-1]
    shape = np.array(volume.geometry.shape)
    size = np.minimum(np.round(np.array(field) / np.array(volume.geometry.array_spacing)).astype(int), shape)
    start = (shape - size) // 2
    return Box(tuple(map(int, start)), tuple(map(int, start + size)))


def bare_network(model, volume, region):
    """The forward passes alone, on the tiles that the engine runs; and how many these are."""
    contract = model.card.inference
    image = prepare(volume, model.card.preparation, region=region, least_shape=contract.patch).tensor
    plan = plan_tiles(image.shape[1:], contract.patch, 0.25)
    pads = [n for axis in reversed(padding(image.shape[1:], contract.patch)) for n in axis]
    padded = torch.nn.functional.pad(image, pads)
    tiles = [padded[(slice(None), *plan.slices(start))][None].clone() for start in plan]
    network = model.network(0)

    def run():
        with torch.inference_mode():
            for tile in tiles:
                network(tile)

    return run, len(tiles)


def timed(work, *arguments, **options):
    started = time.perf_counter()
    answer = work(*arguments, **options)
    return time.perf_counter() - started, answer


def hello_seconds(worker):
    started = time.perf_counter()
    worker.client.start()
    while worker.client.hello is None:
        worker._transport.pump(0.01)
    return time.perf_counter() - started


def cancel_seconds(worker, request):
    """From the cancel, given between two tiles, to the worker's answer; the network is busy meanwhile."""
    token = CancelToken()
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        token.cancel()

    def progress(event):
        if event.stage == "segment" and event.done >= 2 and not pressed:
            # Not on the tile's end, but somewhere in the next one.
            threading.Timer(0.05, press).start()

    try:
        worker.segment(request, progress, token)
    except Exception as error:
        assert error.code == "cancelled", error
        return time.perf_counter() - pressed[0]
    raise WorkerError("The run was over before it was cancelled.")


def main():
    volume = read_volume(DATA / "mr" / "t1_icbm152.nii.gz")
    with tempfile.TemporaryDirectory() as folder:
        name = model_name(folder)
        model = load_model(name)
        region = region_of(volume, model.card)
        run_bare, tiles = bare_network(model, volume, region)
        request = SegmentRequest([volume], name, region, device="cpu")
        with WorkerSession() as worker:
            cold, _ = timed(worker.segment, request)
        with WorkerSession() as worker:
            hello = hello_seconds(worker)
            ready, _ = timed(worker.start)
            worker.unload()  # answered when the worker has warmed up
            waiting, first = timed(worker.segment, request)
            assert not first.warm
            results = []
            best = side_by_side({"warm": lambda: results.append(worker.segment(request)), "bare": run_bare}, ROUNDS)
            assert all(result.warm for result in results)
            warm, bare = best["warm"], best["bare"]
            timings = min((result.timings for result in results), key=lambda t: t["total"])
            long = SegmentRequest([volume], name, None, device="cpu", settings={"overlap": 0.9})
            cancels = [cancel_seconds(worker, long) for _ in range(3)]
            again, after = timed(worker.segment, request)
            assert after.warm
    rows = [
        ["worker started to hello", hello],
        ["worker started to ready (torch imported)", hello + ready],
        ["first click, no worker running", cold],
        ["first click, worker started before and idle", waiting],
        ["second click, warm", warm],
        ["  of it in the worker", timings["total"]],
        ["  of it in the engine's tile loop", timings["segment"]],
        [f"bare network, {tiles} tile(s)", bare],
        ["cancel to idle, worst of 3", max(cancels)],
        ["click after a cancel", again],
    ]
    rows = [[text, f"{seconds:.3f}", f"{seconds / warm:.2f}"] for text, seconds in rows]
    table(
        f"Worker: {Path(name).name}, {' x '.join(map(str, region.shape))} voxels of {volume.name}",
        ["", "seconds", "over the warm click"],
        rows,
    )
    print(f"cold over warm: {cold / warm:.1f}; warm over bare network: {warm / bare:.2f}")


if __name__ == "__main__":
    main()
