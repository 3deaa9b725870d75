from __future__ import annotations

import pytest

from UNetSegmentLib.labels import CodedTerm, Label, Terminology
from UNetSegmentLib.models import (
    Accuracy,
    InferenceContract,
    InputChannel,
    ModelCard,
    Normalization,
    PixelAccuracy,
    PostprocessingStep,
    Preparation,
)
from UNetSegmentLib.networks import NetworkConfig

STRUCTURE = CodedTerm("SCT", "123037004", "Anatomical Structure")


@pytest.fixture
def card() -> ModelCard:
    """A small card in which every kind of field is in use."""
    return ModelCard(
        name="toy-t1",
        version="1.2",
        title="Toy model",
        description="Two blobs – für Tests.",
        anatomy="head",
        modality="MR",
        inputs=(InputChannel("T1", "MR", "T1-weighted"),),
        labels=(
            Label(1, "front", (255, 0, 10), Terminology(STRUCTURE, CodedTerm("SCT", "1", "Front"))),
            Label(4, "back", (0, 200, 0)),
        ),
        network=NetworkConfig(3, 1, 3, (4, 8), ((3, 3, 3), (1, 3, 3)), ((1, 1, 1), (1, 2, 2)), (1, 1), (1,)),
        preparation=Preparation("LPS", True, (2.0, 1.0, 1.0), 3, 1, None, (Normalization("ct", -10, 90, 40, 12.5),)),
        inference=InferenceContract((8, 16, 16), 0.25, (1, 2), output_values=(0, 1, 4), background_below=-1.5),
        postprocessing=(PostprocessingStep("minimum-size", (1, 4), True, 12.0),),
        field_of_view_mm=(64.0, 64.0, 64.0),
        accuracy=(Accuracy("front", "fold 0", 44, 0.9, 1.1, pixels=PixelAccuracy(0.5, 0.9, 0.98, 0.88, 0.97)),),
    )
