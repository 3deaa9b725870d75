"""A worker behind ssh on this computer beside one without: the head CT, cold and warm, in turns.

The difference is what a far worker costs where the line costs nothing: reading, packing, digests, ssh's encryption at
both ends. ``--small`` tries it on a part of the image. Needs sshd and ssh.
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import TESTING, TESTING_FAR, head_ct, model_of, small_unet, table

sys.path.insert(0, str(TESTING))
sys.path.insert(0, str(TESTING_FAR))

from loopback_sshd import MISSING, start_sshd

from UNetSegmentLib.geometry import Box
from UNetSegmentLib.models import save_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.volume import Volume
from UNetSegmentLib.worker.client.requests import SegmentRequest
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.far.check import check_host
from UNetSegmentLib.worker.far.launch import far_command

ROUNDS = 5
COLD_ROUNDS = 2
_TRAFFIC = re.compile(r"([\d.]+) MB of voxels went to \S+ as ([\d.]+) MB, ([\d.]+) MB came back as ([\d.]+) MB")


class Watch:
    """What one worker tells of its traffic, and how long its stages of sending and receiving lasted."""

    def __init__(self):
        self.traffic, self.stages = [], {}

    def log(self, level, line):
        if (found := _TRAFFIC.search(line)) is not None:
            self.traffic.append([float(text) for text in found.groups()])

    def progress(self, event):
        now = time.perf_counter()
        first, _ = self.stages.get(event.stage, (now, now))
        self.stages[event.stage] = (first, now)

    def seconds(self, word):
        return sum(end - begin for stage, (begin, end) in self.stages.items() if stage.startswith(word))


def timed(name, work):
    started = time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - started
    print(f"{name}: {seconds:.2f} s", flush=True)
    return seconds, answer


def request_of(small, folder):
    volume = head_ct()
    region = Box((60, 80, 80), (100, 144, 144)) if small else None
    # A network of nnU-Net's smaller kind with random weights: its time, not its answer, is what matters here.
    features = (8, 16, 32) if small else (16, 32, 64, 128)
    config = small_unet(3, features)
    card = model_of(config, (32, 64, 64) if small else (64, 128, 128), spacing=volume.geometry.spacing).card
    package = save_model(card, [build(config).state_dict()], folder / "random")
    return SegmentRequest([volume], str(package), region, device="cpu")


def changed(request, step):
    """The same image to the network, but not to a digest: so that it has to travel."""
    voxels = request.inputs[0].voxels.copy()
    voxels.reshape(-1)[0] += step
    return SegmentRequest(
        [Volume(voxels, request.inputs[0].geometry)], request.model, request.region, device=request.device
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a part of the image and a small network, one round")
    small = parser.parse_args().small
    if MISSING:
        sys.exit(MISSING)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        request = request_of(small, folder)
        host = start_sshd(Path(tempfile.mkdtemp(dir=folder)))
        try:
            measure(request, host, 1 if small else ROUNDS, 1 if small else COLD_ROUNDS)
        finally:
            host.stop()


def measure(request, host, rounds, cold_rounds):
    far = far_command(host.host(host.python("quick", threads="")), send_models=True, ssh=host.ssh)
    line = check_host(host.host(), host.ssh, 120.0, speed=True)
    cold = {"here": [], "far": []}
    for number in range(cold_rounds + 1):
        for name, command in (("here", None), ("far", far)):
            with WorkerSession(command=command) as worker:
                seconds, _ = timed(f"cold, {name}", lambda worker=worker: worker.segment(request))
            # The first one of all sends the model, and brings the disk's cache.
            if number:
                cold[name].append(seconds)
    watch = Watch()
    warm = {"here": [], "far, new image": [], "far, image there still": []}
    with WorkerSession() as here, WorkerSession(watch.log, command=far) as there:
        expected, first = here.segment(request), there.segment(request)
        assert np.array_equal(expected.segmentation.voxels, first.segmentation.voxels)
        sending = []
        for number in range(rounds):
            new = changed(request, number + 1)
            warm["here"].append(timed("warm, here", lambda new=new: here.segment(new))[0])
            watch.stages.clear()
            warm["far, new image"].append(
                timed("warm, far, new image", lambda new=new: there.segment(new, watch.progress))[0]
            )
            sending.append(watch.seconds("sending"))
            warm["far, image there still"].append(
                timed("warm, far, image there still", lambda new=new: there.segment(new))[0]
            )
    rows = [[f"cold, {name}", min(times), min(times) / min(cold["here"])] for name, times in cold.items()]
    rows += [[f"warm, {name}", min(times), min(times) / min(warm["here"])] for name, times in warm.items()]
    rows = [[text, f"{seconds:.3f}", f"{ratio:.3f}"] for text, seconds, ratio in rows]
    rows.append(["  of it sending a new image", f"{min(sending):.3f}", ""])
    shape = " x ".join(map(str, request.inputs[0].voxels.shape[1:]))
    table(f"Far worker on loopback, head CT of {shape} voxels", ["", "seconds", "over a worker here"], rows)
    sent, as_sent, back, as_back = watch.traffic[1] if len(watch.traffic) > 1 else watch.traffic[0]
    print(f"a new image: {sent:.1f} MB sent as {as_sent:.1f} MB, {back:.1f} MB came back as {as_back:.1f} MB")
    if line.problem is None:
        print(f"the line: {line.round_trip:.1f} ms there and back, {line.upload:.0f} and {line.download:.0f} MB/s")


if __name__ == "__main__":
    main()
