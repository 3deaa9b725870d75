"""Every kind of network that a model can have is exported with torch's answers: the family's variants, and MONAI's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported_models as small
import pytest

from UNetSegmentLib.compression.exporting import ExportSettings, export
from UNetSegmentLib.models.card import InferenceContract
from UNetSegmentLib.networks.monai.configs import (
    Activation,
    AttentionUNetConfig,
    BasicUNetConfig,
    Norm,
    ResidualUNetConfig,
    SegResNetConfig,
)

pytest.importorskip("openvino", reason="openvino is not installed")

TWOS, THREES = (2, 2, 2), (3, 3, 3)

NETWORKS: dict[str, Any] = {
    "residual, squeeze and excitation": small.config(block="residual-squeeze", norm="batch"),
    "U-Net++": small.config(decoder="nested", skip="concatenate"),
    "attention gates": small.config(skip="attention", norm="group", norm_groups=4),
    "interpolated": small.config(skip="add", upsampling="interpolate", activation="gelu"),
    "deep supervision": small.config(deep_supervision=True, dimension=2, activation="silu"),
    "MONAI UNet": ResidualUNetConfig(3, 1, 3, (4, 8), (TWOS,), THREES, THREES, 1, Activation("prelu"), Norm()),
    "MONAI BasicUNet": BasicUNetConfig(3, 1, 3, (4, 4, 8, 8, 8, 4), Activation(), Norm("instance", True)),
    "MONAI SegResNet": SegResNetConfig(3, 1, 3, 8, (1, 1), (1,), Activation(), Norm("group", True, 8)),
    "MONAI AttentionUnet": AttentionUNetConfig(3, 1, 3, (4, 8), (TWOS,), THREES, THREES),
}


# OpenVINO's converter reads a recording too; group norms are what it needs other nodes for.
KINDS = [
    *(("torchscript", name) for name in NETWORKS),
    ("openvino", "attention gates"),
    ("openvino", "MONAI SegResNet"),
]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_every_network(tmp_path: Path, kind: str, name: str) -> None:
    config = NETWORKS[name]
    size = 32 if name == "MONAI BasicUNet" else 16  # it halves four times, and its norms need more than one voxel
    planar = config.dimension == 2
    outputs = tuple(range(config.out_channels))
    model = small.model(
        config, inference=InferenceContract(patch=(1 if planar else size, size, size), output_values=outputs)
    )
    target = tmp_path / ("a.ts" if kind == "torchscript" else "a")
    done = export(model, target, kind, ExportSettings(dynamic=kind == "torchscript" and name != "interpolated"))
    assert done.agreement is not None
    assert done.agreement.difference < 1e-4
    assert done.agreement.labels > 0.9999
