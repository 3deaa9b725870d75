"""A tiny run through the whole engine, with random weights.

``doctor`` makes it to see whether everything works. The worker makes it while nobody waits, because the first tile of
a process costs seconds: torch imports parts of itself at first use, the GPU gets its context, threads are started.
"""

from __future__ import annotations

import numpy as np
import torch

from ..geometry import Geometry
from ..labels import Label
from ..models import Model
from ..models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
from ..networks import build
from ..networks.config import NetworkConfig
from ..volume import Volume
from .segmenter import Segmenter

_SHAPE = (20, 24, 28)


def run_self_test(device: str = "auto") -> None:
    """Segments noise on a device.

    Raises:
        RuntimeError: the result is not what such a run must give.
    """
    network = NetworkConfig(
        dimension=3,
        in_channels=1,
        out_channels=2,
        features=(4, 8),
        kernels=((3, 3, 3), (3, 3, 3)),
        strides=((1, 1, 1), (2, 2, 2)),
        encoder_convs=(1, 1),
        decoder_convs=(1,),
    )
    card = ModelCard(
        name="self-test",
        version="0",
        title="Self-test",
        description="Random weights.",
        anatomy="none",
        modality="none",
        inputs=(InputChannel("noise", "none"),),
        labels=(Label(1, "one"),),
        network=network,
        # Both orders of interpolation and a turned orientation: what real models ask for.
        preparation=Preparation("RAS", spacing=(1.1, 1.0, 1.0), normalization=(Normalization("zscore"),)),
        inference=InferenceContract(patch=(16, 16, 16)),
    )
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = Model.in_memory(card, [build(network)])
    torch.random.set_rng_state(state)
    voxels = np.random.default_rng(0).normal(size=(1, *_SHAPE)).astype(np.float32)
    result = Segmenter(model, device).segment(Volume(voxels, Geometry(_SHAPE[::-1])))
    found = result.segmentation.voxels
    if found.shape != _SHAPE or not set(np.unique(found)) <= {0, 1}:
        raise RuntimeError("The test run gave a wrong result.")
