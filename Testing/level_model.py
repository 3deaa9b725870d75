"""A real U-Net whose answer is known: the label of a voxel is its rounded intensity."""

from __future__ import annotations

from pathlib import Path

from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.models import (
    InferenceContract,
    InputChannel,
    ModelCard,
    Normalization,
    Preparation,
    save_model,
)
from UNetSegmentLib.networks.config import NetworkConfig

NAMES = ("first level", "second level")


def save_level_model(folder: Path, dimension: int = 3, channels: int = 1, names: tuple[str, str] = NAMES) -> Path:
    """Saves the package and returns its folder.

    Under ReLU the intensity passes unchanged along the first encoder stage and the skip connection; the head's logit of
    class c is 2cx - c^2, which is largest for the c nearest to x.
    """
    from UNetSegmentLib.networks import build

    card = _level_card(dimension, channels, folder.name, names)
    state = {key: value.zero_() for key, value in build(card.network).state_dict().items()}
    centre = (1,) * dimension
    state["encoder.stages.0.0.conv.weight"][0, 0][centre] = 1
    for channel in (0, 4):  # the skip's first channel, whichever side of the concatenation it is on
        state["decoder.stages.0.blocks.0.conv.weight"][0, channel][centre] = 1
    for c in range(3):
        state["heads.0.weight"][c, 0] = 2 * c
        state["heads.0.bias"][c] = -c * c
    return save_model(card, [state], folder)


def _level_card(dimension: int, channels: int, name: str, names: tuple[str, str]) -> ModelCard:
    axes = (3,) * dimension
    organ = CodedTerm("SCT", "123037004", "Anatomical Structure")
    return ModelCard(
        name=name,
        version="1.0",
        title="Levels",
        description="Labels are rounded intensities.",
        anatomy="none",
        modality="any",
        inputs=tuple(InputChannel(f"channel {n}", "any") for n in range(channels)),
        labels=(
            Label(1, names[0], (220, 60, 40), Terminology(organ, CodedTerm("SCT", "10200004", "Liver"))),
            Label(2, names[1], (40, 90, 220)),
        ),
        network=NetworkConfig(
            dimension=dimension,
            in_channels=channels,
            out_channels=3,
            features=(4, 8),
            kernels=(axes, axes),
            strides=((1,) * dimension, (2,) * dimension),
            encoder_convs=(1, 1),
            decoder_convs=(1,),
            norm="none",
            activation="relu",
        ),
        preparation=Preparation(normalization=(Normalization("none"),) * channels),
        inference=InferenceContract(patch=(16 if dimension == 3 else 1, 16, 16), output_values=(0, 1, 2)),
        licence="CC0",
    )
