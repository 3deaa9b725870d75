"""Makes two-dimensional models of known answer for colour tests; run by the worker's Python, which has torch.

``python colour_model.py FOLDER`` writes ``colours`` (red, green, blue: Warm where red is above 50, Cold where blue is
above 150), ``grey-slice`` (one channel: Warm above 50, Cold above 150) and ``pair-slice`` (the sum of two channels).
"""

import sys
from dataclasses import replace
from pathlib import Path

LOW, HIGH = 50.0, 150.0


def main(folder: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from UNetSegmentLib.models import save_model

    for name, channels in (
        ("colours", ("Red", "Green", "Blue")),
        ("grey-slice", ("Image",)),
        ("pair-slice", ("T1", "T2")),
    ):
        save_model(
            replace(card(channels), name=name, title=name.capitalize()), [weights(channels)], Path(folder) / name
        )


def card(channels):
    from UNetSegmentLib.labels import Label
    from UNetSegmentLib.models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation

    return ModelCard(
        name="colours",
        version="1.0",
        title="Colours",
        description="Everything above 50 and above 150.",
        anatomy="Phantom",
        modality="Photograph",
        inputs=tuple(InputChannel(name, "Photograph") for name in channels),
        labels=(Label(1, "Warm", (230, 90, 60)), Label(2, "Cold", (60, 120, 220))),
        network=network(len(channels)),
        preparation=Preparation(
            normalization=(Normalization("none"),) * len(channels), image_order=1, anisotropy_threshold=None
        ),
        inference=InferenceContract((1, 32, 32), overlap=0.25, output_values=(0, 1, 2)),
        licence="Apache-2.0",
    )


def network(channels: int):
    from UNetSegmentLib.networks.config import NetworkConfig

    return NetworkConfig(
        dimension=2, in_channels=channels, out_channels=3, features=(2, 2), kernels=((1, 1),) * 2,
        strides=((1, 1), (2, 2)), encoder_convs=(1, 1), decoder_convs=(1,), norm="none", activation="relu",
    )  # fmt: skip


def weights(channels) -> dict:
    """Two hidden units, what exceeds LOW and HIGH, carried past an empty bottleneck to the head."""
    import torch

    from UNetSegmentLib.networks import build

    state = {name: torch.zeros_like(value) for name, value in build(network(len(channels))).state_dict().items()}
    first = state["encoder.stages.0.0.conv.weight"]
    if len(channels) == 3:
        first[0, 0], first[1, 2] = 1.0, 1.0
    else:
        first[:] = 1.0
    state["encoder.stages.0.0.conv.bias"][:] = torch.tensor([-LOW, -HIGH])
    for unit in range(2):
        # Once for each half of the concatenation: the upsampled one is all zero.
        state["decoder.stages.0.blocks.0.conv.weight"][unit, [unit, unit + 2]] = 1.0
    head = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    state["heads.0.weight"][:] = head[:, :, None, None]
    state["heads.0.bias"][:] = torch.tensor([0.5, 0.0, -0.5])
    return state


if __name__ == "__main__":
    main(sys.argv[1])
