"""The pictures at the end of a training: which cases, what is judged, and how overlapping regions are drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import layout_cases as make
import numpy as np
from PIL import Image
from torch import nn

from UNetSegmentLib.inference import EngineSettings
from UNetSegmentLib.models import Model
from UNetSegmentLib.networks import build
from UNetSegmentLib.reporting import compare
from UNetSegmentLib.reporting.drawing.agreement import EXTRA, MISSED, RIGHT, UNJUDGED
from UNetSegmentLib.training.cases.dataset import open_dataset, read_pair
from UNetSegmentLib.training.layouts.dataset import Region
from UNetSegmentLib.training.report.pictures import painted, write_cases

TORCH = EngineSettings(backend="torch")


def count(path: Path, color: tuple[int, int, int]) -> int:
    return int((np.asarray(Image.open(path).convert("RGB")) == np.array(color)).all(axis=-1).sum())


def all_vessel(card) -> Model:
    """A model that calls every pixel a vessel."""
    network = replace(
        card.network,
        dimension=2,
        in_channels=3,
        out_channels=2,
        kernels=((3, 3),) * 2,
        strides=((1, 1), (2, 2)),
        norm="none",
    )
    built = build(network)
    for parameter in built.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(built.heads[0].bias[1:], 4.0)
    rule = replace(card.preparation.normalization[0], kind="none")
    return Model.in_memory(
        replace(
            card,
            network=network,
            inputs=tuple(replace(card.inputs[0], name=f"colour {n}") for n in range(3)),
            labels=card.labels[:1],
            preparation=replace(card.preparation, orientation=None, spacing=None, normalization=(rule,) * 3),
            inference=replace(card.inference, patch=(1, 48, 48), output_values=(0, 1)),
        ),
        [built],
    )


def test_vessels_are_judged_inside_the_field_of_view_alone(card, tmp_path: Path) -> None:
    data = open_dataset(make.drive(tmp_path / "data"))
    model = all_vessel(card)
    scores = {}
    for name in data.names:
        _, reference = read_pair(data, name)
        vessels = replace(reference, voxels=(reference.voxels == 1).astype(np.uint8))
        everything = replace(reference, voxels=(reference.voxels != 255).astype(np.uint8))
        scores[name] = compare(everything, vessels, 1.0, [1])
    drawn = write_cases(model, data, scores, tmp_path, "cpu", TORCH)
    assert [path.name for path in drawn] == ["case-worst.png", "case-median.png", "case-best.png"]
    dice = {name: labels[0].dice for name, labels in scores.items()}
    worst = min(dice, key=lambda name: dice[name] or 0.0)
    _, reference = read_pair(data, worst)
    area = (1200 // 48) ** 2
    swatch = 22 * 22
    for outcome, mask in ((RIGHT, reference.voxels == 1), (EXTRA, reference.voxels == 0), (UNJUDGED, None)):
        voxels = int((reference.voxels == 255).sum() if mask is None else mask.sum())
        found = count(drawn[0], outcome.color)
        assert voxels * area <= found <= voxels * area + swatch + (12_000 if mask is None else 0)  # as are frames
    assert count(drawn[0], MISSED.color) <= swatch


def test_pictures_without_the_photographs(card, tmp_path: Path) -> None:
    data = open_dataset(make.drive(tmp_path / "data"))
    names = data.names[:2]
    scores = {name: compare(read_pair(data, name)[1], read_pair(data, name)[1], 1.0, [1]) for name in names}
    beside = write_cases(all_vessel(card), data, scores, tmp_path, "cpu", TORCH)
    widths = [Image.open(path).size[0] for path in beside]
    alone = write_cases(all_vessel(card), data, scores, tmp_path, "cpu", TORCH, images=False)
    assert [path.name for path in alone] == ["case-worst.png", "case-best.png"]
    assert all(Image.open(path).size[0] < width - 1000 for path, width in zip(alone, widths, strict=True))


def test_regions_are_painted_as_the_model_paints_them() -> None:
    regions = (Region("whole", (1, 2, 3), 1), Region("core", (2, 3), 2), Region("enhancing", (3,), 3))
    assert painted(np.array([0, 1, 2, 3]), regions).tolist() == [0, 1, 2, 3]
    inverted = (Region("whole", (1, 2, 4), 1), Region("core", (1, 4), 2), Region("enhancing", (4,), 3))
    assert painted(np.array([0, 1, 2, 4]), inverted).tolist() == [0, 2, 1, 3]
    same = np.array([0, 5])
    assert painted(same, ()) is same
