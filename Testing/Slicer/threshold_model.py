"""Makes model packages whose answer is known: run by the worker's Python, which has torch.

The networks are U-Nets whose logits come from thresholding intensity: above 50 is Low, above 150 is High (of the sum of
channels). ``python threshold_model.py FOLDER`` writes the packages ``threshold``, ``threshold-pair`` (two channels),
``threshold-slow`` (many small tiles) and ``threshold-endless`` (for runs that a test ends).
"""

import sys
from dataclasses import replace
from pathlib import Path

LOW, HIGH = 50.0, 150.0


def main(folder: str) -> None:
    repository = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(repository))
    from UNetSegmentLib.models import save_model

    target = Path(folder)
    one, two = card(1), card(2)
    save_model(one, [weights(1)], target / "threshold")
    save_model(replace(two, name="threshold-pair", title="Threshold of two"), [weights(2)], target / "threshold-pair")
    slow = replace(one.inference, patch=(8, 8, 8), overlap=0.5)
    save_model(replace(one, name="threshold-slow", title="Threshold, slow", inference=slow), [weights(1)],
               target / "threshold-slow")  # fmt: skip
    endless = replace(one.inference, patch=(8, 8, 8), overlap=0.88)
    save_model(replace(one, name="threshold-endless", title="Threshold, endless", inference=endless), [weights(1)],
               target / "threshold-endless")  # fmt: skip


def card(channels: int):
    from UNetSegmentLib.labels import CodedTerm, Label, Terminology
    from UNetSegmentLib.models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation

    tissue = Terminology(CodedTerm("SCT", "85756007", "Tissue"), CodedTerm("SCT", "85756007", "Tissue"))
    return ModelCard(
        name="threshold",
        version="1.0",
        title="Threshold",
        description="Everything above 50 and above 150.",
        anatomy="Phantom",
        modality="any",
        inputs=tuple(InputChannel(f"Image {n + 1}", "any") for n in range(channels)),
        labels=(Label(1, "Low", (60, 120, 220), tissue), Label(2, "High", (230, 90, 60))),
        network=network(channels),
        preparation=Preparation(
            normalization=(Normalization("none"),) * channels, image_order=1, anisotropy_threshold=None
        ),
        inference=InferenceContract((32, 32, 32), overlap=0.25, output_values=(0, 1, 2)),
        field_of_view_mm=(40.0, 40.0, 40.0),
        licence="Apache-2.0",
    )


def network(channels: int):
    from UNetSegmentLib.networks.config import NetworkConfig

    return NetworkConfig(
        dimension=3, in_channels=channels, out_channels=3, features=(2, 2), kernels=((1, 1, 1),) * 2,
        strides=((1, 1, 1), (2, 2, 2)), encoder_convs=(1, 1), decoder_convs=(1,), norm="none", activation="relu",
    )  # fmt: skip


def weights(channels: int) -> dict:
    """Two hidden units, x - LOW and x - HIGH where positive, carried past an empty bottleneck to the head."""
    import torch

    from UNetSegmentLib.networks import build

    state = {name: torch.zeros_like(value) for name, value in build(network(channels)).state_dict().items()}
    state["encoder.stages.0.0.conv.weight"][:] = 1.0
    state["encoder.stages.0.0.conv.bias"][:] = torch.tensor([-LOW, -HIGH])
    for unit in range(2):
        # Once for each half of the concatenation: the upsampled one is all zero.
        state["decoder.stages.0.blocks.0.conv.weight"][unit, [unit, unit + 2]] = 1.0
    head = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]])
    state["heads.0.weight"][:] = head[:, :, None, None, None]
    state["heads.0.bias"][:] = torch.tensor([0.5, 0.0, -0.5])
    return state


if __name__ == "__main__":
    main(sys.argv[1])
