"""A whole run with little memory: run by test_short_of_memory.py in a process of its own, which finds the phantoms.

Prints one line for each limit: bytes that could be taken, and how it ended.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import torch
from phantoms import level_model, random_labels

from UNetSegmentLib.budget import is_out_of_memory, out_of_memory
from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.io import read_volume, write_segmentation, write_volume
from UNetSegmentLib.models.card import PostprocessingStep
from UNetSegmentLib.reporting import measure, surface
from UNetSegmentLib.volume import Volume

SIZE = (128, 128, 96)


def limit(more: int | None) -> None:
    """Lets the address space grow by so many bytes; None for no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft = hard if more is None else pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run(segmenter: Segmenter, folder: Path) -> None:
    image = read_volume(folder / "in.nii.gz")
    result = segmenter.segment(image, probabilities=True)
    write_segmentation(result.segmentation, folder / "out.nii.gz")
    write_volume(result.probabilities, folder / "maps.nii.gz")
    measure(result.segmentation)
    surface(result.segmentation, 1)


def main(folder: Path, limits: list[int]) -> None:
    torch.set_num_threads(1)
    voxels = np.repeat(random_labels((12, 16, 16), 3), 8, 0).repeat(8, 1).repeat(8, 2)[None].astype(np.float32)
    write_volume(Volume(voxels, Geometry(SIZE)), folder / "in.nii.gz")
    steps = (PostprocessingStep("keep-largest", (1,)), PostprocessingStep("fill-holes", (2,)))
    model = level_model(3, patch=(48, 64, 64), preparation={"spacing": (1.2, 1.2, 1.2)}, postprocessing=steps)
    segmenter = Segmenter(model, "cpu", settings=EngineSettings(backend="torch", weighting="flat"))
    run(segmenter, folder)  # loads every library there is to load
    for more in limits:
        limit(more)
        try:
            run(segmenter, folder)
        except UNetSegmentError as error:
            words = f"{error.code}: {error}"
        except BaseException as error:
            # As the command line and the worker do with what no stage has put into words.
            words = f"no-resources: {out_of_memory(error)}" if is_out_of_memory(error) else f"defect {error!r}"
        else:
            words = "done"
        limit(None)
        print(more, words, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]])
