"""A data set of bright balls in noise that a tiny network learns in seconds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from training_cases import balls, write_case

from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
from UNetSegmentLib.networks import NetworkConfig
from UNetSegmentLib.training import OptimizerConfig, TrainingConfig

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "io" / folder) for folder in ("dicom_objects", "dicom")]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Bit-for-bit comparisons must not depend on how threads share a sum; small work is quicker on one as well."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six cases in two folds."""
    data = tmp_path / "data"
    names = [f"case_{n}" for n in range(6)]
    for n, name in enumerate(names):
        write_case(data, name, *balls(n))
    (data / "dataset.json").write_text(json.dumps({"folds": [names[:2], names[2:4]]}))
    return data


@pytest.fixture(scope="session")
def card() -> ModelCard:
    return ModelCard(
        name="balls",
        version="1.0",
        title="Balls",
        description="A ball and its shell.",
        anatomy="none",
        modality="any",
        inputs=(InputChannel("image", "any"),),
        labels=(Label(1, "shell"), Label(2, "core")),
        network=NetworkConfig(
            dimension=3,
            in_channels=1,
            out_channels=3,
            features=(4, 8),
            kernels=((3, 3, 3),) * 2,
            strides=((1, 1, 1), (2, 2, 2)),
            encoder_convs=(1, 1),
            decoder_convs=(1,),
            deep_supervision=False,
        ),
        preparation=Preparation(orientation="LPS", spacing=(1.0, 1.0, 1.0), normalization=(Normalization("zscore"),)),
        inference=InferenceContract(patch=(12, 12, 12), output_values=(0, 1, 2)),
    )


@pytest.fixture
def make_config(folder: Path, card: ModelCard, tmp_path: Path) -> Callable[..., TrainingConfig]:
    def make(**changes) -> TrainingConfig:
        values = {
            "dataset": str(folder),
            "output": str(tmp_path / "run"),
            "card": card,
            "fold": 0,
            "steps": 8,
            "optimizer": OptimizerConfig("adamw", 0.01),
            "validate_every": 4,
            "checkpoint_every": 4,
        }
        return TrainingConfig(**{**values, **changes})

    return make


@pytest.fixture
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed, so that a plan need not measure it."""
    from UNetSegmentLib.training.planning import plan
    from UNetSegmentLib.training.planning.device import Speed

    monkeypatch.setattr(plan, "measure_speed", lambda device, dimension: Speed(8 << 30, 3e10))
