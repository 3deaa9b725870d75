"""Tables of cases as people write them in spreadsheets."""

from __future__ import annotations

import json
from pathlib import Path

import layout_cases as make
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.training.layouts import Dataset, open_layout, read_case
from UNetSegmentLib.training.planning import Request, plan_training

FILES = "imagesTr/a_{0}.nii.gz,labelsTr/a_{0}.nii.gz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make.decathlon(tmp_path, 4)
    (tmp_path / "dataset.json").unlink()
    return tmp_path


def opened(folder: Path, text: str, encoding: str = "utf-8") -> Dataset:
    (folder / "list.csv").write_text(text, encoding=encoding, newline="\r\n")
    return open_layout(folder / "list.csv")


def with_folds(folder: Path, *marks: str) -> Dataset:
    rows = [f"{FILES.format(n)},{mark}" for n, mark in enumerate(marks)]
    return opened(folder, "\n".join(["image,label,fold", *rows]))


@pytest.mark.parametrize(
    ("marks", "held_out"),
    [
        (("train", "val", "train", "val"), {"a_1", "a_3"}),
        (("val", "Train", "VAL", "train"), {"a_0", "a_2"}),
        (("train", "validation", "train", "train"), {"a_1"}),
        (("training", "test", "", "test"), {"a_1", "a_3"}),
    ],
)
def test_words_for_training_and_held_out_cases(folder: Path, marks: tuple[str, ...], held_out: set[str]) -> None:
    data = with_folds(folder, *marks)
    learned, kept = data.split(0)
    assert set(kept) == held_out and set(learned) == set(data.names) - held_out
    assert len(data.folds) == 1 and data.notes


def test_test_cases_beside_validation_cases_are_left_out(folder: Path) -> None:
    data = with_folds(folder, "train", "val", "test", "train")
    assert data.split(0) == (["a_0", "a_3"], ["a_1"])
    assert data.notes == ("1 cases marked 'test' are left out: they are neither learned from nor held out.",)


def test_numbers_of_folds_are_sorted_as_numbers(folder: Path) -> None:
    assert with_folds(folder, "10", "9", "10", "").folds == (("a_1",), ("a_0", "a_2"))
    assert "fold 0 holds out the cases marked '9'" in with_folds(folder, "10", "9", "10", "").notes[0]
    counted = with_folds(folder, "1", "0", "1", "0")
    assert counted.folds == (("a_1", "a_3"), ("a_0", "a_2")) and not counted.notes


def test_cases_without_a_fold_among_others_are_said(folder: Path) -> None:
    data = with_folds(folder, "0", "", "1", "")
    assert data.split(0) == (["a_1", "a_2", "a_3"], ["a_0"])
    assert data.notes == ("2 cases have nothing in the column 'fold': always learned from, never held out.",)
    assert "1 case has nothing" in with_folds(folder, "train", "", "train", "val").notes[-1]
    assert not with_folds(folder, "", "", "", "").notes


@pytest.mark.parametrize("mark", ["0", "3", "val", "test"])
def test_a_fold_that_holds_everything_out_leaves_nothing_to_learn_from(folder: Path, mark: str) -> None:
    data = with_folds(folder, *[mark] * 4)
    assert data.split(0)[1] == data.names  # such a table is good for scoring
    with pytest.raises(InputError, match="holds out all 4 cases: nothing is left to learn from") as caught:
        plan_training(data, Request(output=str(folder / "run"), minutes=0.1, threads=1))
    assert "--fold none" in caught.value.cure
    assert data.split_to_train(None) == (data.names, [])


def test_paths_written_on_windows(folder: Path) -> None:
    line = FILES.format(0).replace("/", "\\")
    data = opened(folder, f"image,label\n{line}")
    assert data.cases[0].images[0].is_file() and data.cases[0].label.is_file()
    with pytest.raises(InputError, match=r"Line 2 of list.csv names .*imagesTr.gone\.nii, which is not there"):
        opened(folder, f"image,label\nimagesTr\\gone.nii,{line.split(',')[1]}")


def test_tabs_whatever_the_file_is_called(folder: Path) -> None:
    assert opened(folder, "image\tlabel\n" + FILES.format(1).replace(",", "\t")).names == ["a_1"]


def test_words_and_numbers_together(folder: Path) -> None:
    with pytest.raises(InputError, match="holds 'train' and '0'"):
        with_folds(folder, "train", "1", "0", "0")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_labels_and_channels_have_names(folder: Path, encoding: str, separator: str) -> None:
    """Two columns beside the cases, blank lines below, as spreadsheets leave them; semicolons where commas are for
    numbers."""
    rows = [
        "image Grün (550 nm),image Tief,label,case,value,name",
        *(f"imagesTr/a_{n}.nii.gz,imagesTr/a_{n}.nii.gz,labelsTr/a_{n}.nii.gz,p.{n},," for n in range(2)),
        ",,,,1,Rinde",
        ",,,,2,Kern",
        ",,,,0,Hintergrund",
        ",,,,,",
    ]
    data = opened(folder, "\n".join(rows).replace(",", separator), encoding)
    assert data.names == ["p.0", "p.1"]
    assert data.channels == ("Grün (550 nm)", "Tief")
    assert data.labels == {1: "Rinde", 2: "Kern"}
    assert read_case(data, "p.1")[0].channels == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",,x,liver", "the value 'x' and the name 'liver'"),
        (",,1,", "the value '1' and the name ''"),
        (",,1,spleen", "calls the value 1 both 'liver' and 'spleen'"),
        (",,1,liver,more", "has 5 cells under 4 headings"),
        (f"{'x' * 5000}.nii,l.nii,,", "which is not there"),
    ],
)
def test_lines_that_mean_nothing(folder: Path, line: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        opened(folder, f"image,label,value,name\n{FILES.format(0)},1,liver\n{line}\n")


def test_a_heading_twice(folder: Path) -> None:
    with pytest.raises(InputError, match="two columns 'label'"):
        opened(folder, "image,label,label\n")


def test_dataset_json_beside_the_table(folder: Path) -> None:
    (folder / "dataset.json").write_text(json.dumps({"labels": {"1": "shell", "2": "core"}}), encoding="utf-8-sig")
    assert opened(folder, f"image,label\n{FILES.format(0)}").labels == {1: "shell", 2: "core"}
