"""Which segments of several files are the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_segmentation
from UNetSegmentLib.io.segment_names import match_names, read_names
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

GRID = Geometry((3, 2, 1))


def labels(*names: str) -> tuple[Label, ...]:
    return tuple(Label(value, name) for value, name in enumerate(names, start=1))


def one_voxel_each(table: tuple[Label, ...]) -> Segmentation:
    voxels = np.zeros(GRID.shape, np.uint8)
    for place, label in enumerate(table):
        voxels.flat[place] = label.value
    return Segmentation(voxels, GRID, table)


@given(st.data())
def test_equal_names_get_equal_values(data: st.DataObject) -> None:
    """Whatever the numbering of each file, the voxels of a name have one value, and other names have others."""
    names = ["liver", "spleen", "Linke Niere", "4"]
    values = st.permutations(range(1, 7))
    files = {
        f"f{n}": tuple(
            Label(v, name) for v, name in zip(data.draw(values), data.draw(st.permutations(names)), strict=False)
        )
        for n in range(3)
    }
    common = match_names(files)
    found: dict[str, set[int]] = {name: set() for name in names}
    for file, table in files.items():
        before = one_voxel_each(table)
        after = common.apply(before, file)
        for place, label in enumerate(table):
            found[label.name].add(int(after.voxels.flat[place]))
        assert {label.name: label.value for label in after.labels} == {
            label.name: int(after.voxels.flat[place]) for place, label in enumerate(table)
        }
    assert all(len(values) == 1 for values in found.values())
    assert len(set(itertools.chain(*found.values()))) == len(names)


def test_a_steady_numbering_is_kept() -> None:
    common = match_names({"a": (Label(7, "liver"),), "b": (Label(7, "Liver "), Label(3, "spleen"))})
    assert {label.value: label.name for label in common.labels} == {7: "liver", 3: "spleen"}
    assert common.notes == (
        "Segments are matched by their names (liver, spleen).",
        "Not all of the 2 files have every segment: 'spleen' in 1.",
        "Taken for one name: 'liver' = 'Liver '.",
    )


def test_files_without_names_among_others() -> None:
    common = match_names({"a": labels("liver", "spleen"), "b": labels("liver", "spleen"), "c": ()})
    assert common.notes[-1].startswith("1 of 3 label maps has no names")
    with pytest.raises(InputError, match=r"'spleen' is 2 in 'a' and 1 in 'b'.*'c' has no names"):
        match_names({"a": labels("liver", "spleen"), "b": labels("spleen", "liver"), "c": ()})
    with pytest.raises(InputError, match="1 is 'liver' in 'a' and 'kidney' in 'b'"):
        match_names({"a": labels("liver"), "b": labels("kidney"), "c": ()})
    assert match_names({"a": (), "b": ()}).labels == ()


def test_two_segments_of_one_name() -> None:
    with pytest.raises(InputError, match="two segments of one name"):
        match_names({"a": labels("liver", "LIVER")})


def test_names_that_the_data_set_declares() -> None:
    declared = {1: "spleen", 2: "liver", 3: "kidney"}
    common = match_names({"a": labels("liver", "spleen"), "b": ()}, declared)
    assert {label.value: label.name for label in common.labels} == declared
    assert common.apply(one_voxel_each(labels("liver", "spleen")), "a").voxels.flat[0] == 2
    with pytest.raises(InputError, match=r"'a' has a segment 'tumour', which dataset\.json does not name"):
        match_names({"a": labels("liver", "tumour")}, declared)
    # Other words for the same values contradict nothing.
    other = match_names({"a": labels("Milz", "Leber")}, {1: "spleen", 2: "liver"})
    assert not other.labels and "'Milz' is 'spleen'" in other.notes[0]


def test_voxels_that_belong_to_no_segment() -> None:
    files = {"a": labels("liver", "spleen"), "b": labels("spleen", "liver")}
    stray = Segmentation(np.full(GRID.shape, 9, np.uint8), GRID, files["b"])
    with pytest.raises(InputError, match="the value 9"):
        match_names(files).apply(stray, "b")


@pytest.mark.parametrize("name", ["s.seg.nrrd", "s.nii.gz", "s.png", "s.nrrd"])
def test_names_are_those_that_reading_finds(tmp_path: Path, name: str) -> None:
    table = (Label(4, "L\u00e9ber \\ a\nb", (1, 2, 3)), Label(2, "Segment_1"))
    write_segmentation(one_voxel_each(table), tmp_path / name)
    # Names are written as text on one line.
    written = (Label(4, "L\u00e9ber \\ a b", (1, 2, 3)), table[1])
    assert read_names(tmp_path / name) == read_segmentation(tmp_path / name).labels == written


def test_names_of_layers_that_are_numbered_alike(tmp_path: Path) -> None:
    """Slicer's older files: one layer a segment, each with the value 1."""
    layers = np.zeros((1, 2, 3, 2), np.uint8)
    layers[0, 0, 0, 0] = layers[0, 1, 1, 1] = 1
    image = sitk.GetImageFromArray(layers, isVector=True)
    for n, name in enumerate(("spleen", "liver")):
        for key, value in {"Name": name, "Layer": str(n), "LabelValue": "1", "ID": name}.items():
            image.SetMetaData(f"Segment{n}_{key}", value)
    path = tmp_path / "old.seg.nrrd"
    sitk.WriteImage(image, str(path))
    found = read_segmentation(path)
    assert [(label.value, label.name) for label in found.labels] == [(1, "spleen"), (2, "liver")]
    assert read_names(path) == found.labels


def test_no_names_in_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.seg.nrrd").write_bytes(b"NRRD0004\n" + b"x" * 100)
    (tmp_path / "b.nrrd").write_bytes(b"\x00" * 10)
    assert read_names(tmp_path / "a.seg.nrrd") == read_names(tmp_path / "b.nrrd") == ()
    assert read_names(tmp_path / "none.nrrd") == read_names(tmp_path / "none.png") == ()
