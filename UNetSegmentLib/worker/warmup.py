"""A first run that nobody waits for.

The first tile that a process runs costs seconds: torch imports parts of itself on first use, the GPU gets its context,
the thread pool its threads. The worker does that while the user is still choosing the image.
"""

from __future__ import annotations

import numpy as np

from ..geometry import Geometry
from ..labels import Label
from ..volume import Volume

_SHAPE = (18, 20, 22)


def run_once() -> None:
    """A tiny random network on noise, through the whole engine, on the device that ``auto`` chooses."""
    from ..inference import Segmenter
    from ..models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
    from ..models.model import Model
    from ..networks import build
    from ..networks.config import NetworkConfig

    cube = ((3, 3, 3), (3, 3, 3))
    network = NetworkConfig(3, 1, 2, (4, 8), cube, ((1, 1, 1), (2, 2, 2)), encoder_convs=(1, 1), decoder_convs=(1,))
    card = ModelCard(
        name="warm-up",
        version="0",
        title="Warm-up",
        description="Random weights.",
        anatomy="none",
        modality="none",
        inputs=(InputChannel("noise", "none"),),
        labels=(Label(1, "one"),),
        network=network,
        # Both orders of interpolation, a turned orientation: what real models ask for.
        preparation=Preparation("RAS", spacing=(1.1, 1.0, 1.0), normalization=(Normalization("zscore"),)),
        inference=InferenceContract(patch=(16, 16, 16)),
    )
    voxels = np.random.default_rng(0).normal(size=(1, *_SHAPE)).astype(np.float32)
    Segmenter(Model.in_memory(card, [build(network)])).segment(Volume(voxels, Geometry(_SHAPE[::-1])))
