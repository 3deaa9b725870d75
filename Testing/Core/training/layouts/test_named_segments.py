"""Label files that name their segments: in a data set, a plan, a training and its scores."""

from __future__ import annotations

import json
from pathlib import Path

import layout_cases as make
import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.labels import Label
from UNetSegmentLib.training.layouts import open_layout, read_case
from UNetSegmentLib.training.layouts.naming import numbered_like, unlike_names
from UNetSegmentLib.training.planning.card import outputs_of
from UNetSegmentLib.training.planning.fingerprint import take_fingerprint
from UNetSegmentLib.volume import Segmentation

RED, BLUE = (200, 0, 0), (0, 0, 200)


def named_pairs(root: Path, orders: list[tuple[str, ...]], suffix: str = ".seg.nrrd") -> Path:
    """Cases ``c0``... of nested boxes, shell outside and core inside; each numbers its segments in its own order."""
    for n, order in enumerate(orders):
        truth = make.nested_boxes((1, 2))
        make.write_image(root / "images" / f"c{n}.nrrd", make.image(n, truth))
        values = {name: value for value, name in enumerate(order, start=1)}
        table = np.array([0, values["shell"], values["core"]], np.uint8)
        colours = {"shell": RED, "core": BLUE}
        labels = tuple(Label(value, name, colours.get(name, (9, 9, 9))) for name, value in values.items())
        (root / "labels").mkdir(exist_ok=True)
        voxels = table[truth]
        write_segmentation(
            Segmentation(voxels, Geometry(voxels.shape[::-1]), labels), root / "labels" / f"c{n}{suffix}"
        )
    return root


ORDERS: list[tuple[str, ...]] = [("shell", "core"), ("core", "shell"), ("nothing", "core", "shell")]


@pytest.mark.parametrize("suffix", [".seg.nrrd", ".nii.gz"])
def test_names_decide_what_is_learned(tmp_path: Path, suffix: str) -> None:
    data = open_layout(named_pairs(tmp_path, ORDERS, suffix))
    assert data.labels == {1: "shell", 2: "core", 3: "nothing"}
    for name in data.names:
        _, found = read_case(data, name)
        np.testing.assert_array_equal(found.voxels, make.nested_boxes((1, 2)))
    outputs, notes = outputs_of(data, take_fingerprint(data))
    assert [(label.value, label.name, label.color) for label in outputs.labels] == [
        (1, "shell", RED),
        (2, "core", BLUE),
    ]
    assert notes == ("No case holds 'nothing' (3), so the model leaves it out.",)
    assert "the files number them differently" in data.notes[0] and "'nothing' in 1" in data.notes[1]


def test_the_data_set_declares_the_values(tmp_path: Path) -> None:
    named_pairs(tmp_path, ORDERS[:2])
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "core", "2": "shell"}}))
    data = open_layout(tmp_path)
    for name in data.names:
        np.testing.assert_array_equal(read_case(data, name)[1].voxels, make.nested_boxes((2, 1)))
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"1": "core"}}))
    with pytest.raises(InputError, match=r"'c0' has a segment 'shell', which dataset\.json does not name"):
        open_layout(tmp_path)


def test_a_file_without_names_among_named_ones(tmp_path: Path) -> None:
    named_pairs(tmp_path, ORDERS[:2])
    make.write_image(tmp_path / "images" / "bare.nrrd", make.image(9, make.nested_boxes((1, 2))))
    make.write_image(tmp_path / "labels" / "bare.nrrd", make.nested_boxes((1, 2)))
    with pytest.raises(InputError, match="'bare' has no names to go by"):
        open_layout(tmp_path)


def test_a_model_numbers_otherwise(tmp_path: Path) -> None:
    """Scored and trained further by name, whatever the model's values."""
    data = open_layout(named_pairs(tmp_path, ORDERS))
    model = (Label(5, "Core"), Label(1, "other"), Label(2, "Shell"))
    like = numbered_like(data, model)
    assert like.labels == {2: "shell", 5: "core", 3: "nothing"}
    for name in like.names:
        np.testing.assert_array_equal(read_case(like, name)[1].voxels, make.nested_boxes((2, 5)))
    assert numbered_like(like, model) is like
    # The same for values that the data set declares.
    plain = open_layout(make.decathlon(tmp_path / "plain"))
    like = numbered_like(plain, model)
    np.testing.assert_array_equal(read_case(like, "a_0")[1].voxels, make.nested_boxes((2, 5)))
    # Without a name in common the values are what there is, and that is said.
    assert numbered_like(plain, (Label(1, "Rinde"), Label(2, "core"))) is plain
    assert "'shell' with the model's 'Rinde'" in unlike_names(plain, (Label(1, "Rinde"), Label(2, "core")))[0]
