"""nnU-Net's post-processing files, honest and hostile."""

from __future__ import annotations

import json
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nnunet_files import Results

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import PostprocessingStep, read_card
from UNetSegmentLib.models.importing import import_model

MODULE = "nnunetv2.postprocessing.remove_connected_components"
NAME = "remove_all_but_largest_component_from_segmentation"


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that pickles as nnU-Net's own does; calling it is a failure."""

    def called(*_: object, **__: object) -> None:
        raise AssertionError("nothing of a pickle may be called")

    called.__module__, called.__qualname__, called.__name__ = MODULE, NAME, NAME
    for n in range(1, 4):
        name = ".".join(MODULE.split(".")[:n])
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    setattr(sys.modules[MODULE], NAME, called)
    yield called


def steps(tmp_path: Path) -> tuple[PostprocessingStep, ...]:
    """Of the model in the folder that :func:`written` made."""
    (path,) = import_model(tmp_path, tmp_path / "models")
    return read_card(path).postprocessing


def written(tmp_path: Path, content: object, name: str = "postprocessing.pkl", protocol: int = 4) -> Path:
    folder = Results(folds=(0, 1)).write(tmp_path)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol) if not isinstance(content, bytes) else content)
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_of_nnunets_own(tmp_path: Path, function: Callable[..., Any], protocol: int) -> None:
    everything = {"labels_or_regions": [np.int64(1), np.int64(2)]}
    second = {"labels_or_regions": np.int64(2), "background_label": 0}
    written(tmp_path, ([function, function], [everything, second]), protocol=protocol)
    del sys.modules[MODULE]
    assert steps(tmp_path) == (
        PostprocessingStep("keep-largest", (1, 2), together=True),
        PostprocessingStep("keep-largest", (2,), together=True),
    )


def test_regions(tmp_path: Path, function: Callable[..., Any]) -> None:
    written(tmp_path, ([function], [{"labels_or_regions": (1, 2)}]))
    assert steps(tmp_path) == (PostprocessingStep("keep-largest", (1, 2), together=True),)


def test_json_beside_it_is_enough(tmp_path: Path) -> None:
    content = {"postprocessing_fns": [NAME], "postprocessing_kwargs": [{"labels_or_regions": [1, 2]}]}
    written(tmp_path, json.dumps(content).encode(), "postprocessing.json")
    written(tmp_path, b"anything", "postprocessing.pkl")
    assert steps(tmp_path) == (PostprocessingStep("keep-largest", (1, 2), together=True),)


def test_only_what_was_found_for_the_same_folds(tmp_path: Path, function: Callable[..., Any]) -> None:
    content = ([function], [{"labels_or_regions": [1, 2]}])
    folder = written(tmp_path, content, "crossval_results_folds_0_1/postprocessing.pkl").parents[1]
    assert len(steps(tmp_path)) == 1
    (path,) = import_model(folder, tmp_path / "others", folds=[0])
    assert read_card(path).postprocessing == ()


def test_none_found(tmp_path: Path) -> None:
    written(tmp_path, ([], []))
    assert steps(tmp_path) == ()


class Runs:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize(
    "hostile",
    [
        lambda mark: Runs(os.system, f"touch '{mark}'"),
        lambda mark: Runs(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: Runs(open, str(mark), "w"),
        lambda mark: Runs(Path.touch, mark),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_of_a_hostile_pickle_runs(tmp_path: Path, hostile: Callable[[Path], Runs], protocol: int) -> None:
    mark = tmp_path / "ran"
    written(tmp_path, ([hostile(mark)], [{}]), protocol=protocol)
    with pytest.raises(ModelError, match=r"postprocessing.pkl asks for '.*not opened.*hidden code"):
        steps(tmp_path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(hostile(mark), protocol))  # the same pickle does run where nobody looks
    assert mark.exists()


def test_another_function_of_the_same_module(tmp_path: Path) -> None:
    content = b"c" + f"{MODULE}\nshutil\n".encode() + b"."
    written(tmp_path, content)
    with pytest.raises(ModelError, match=r"asks for '.*shutil'"):
        steps(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels_or_regions": 7}, "labels \\[7\\].*model has \\[1, 2\\]"),
        ({"labels_or_regions": [1], "background_label": 2}, "turns what it removes into label 2"),
        ({"labels_or_regions": [1], "size": 3}, "arguments that are not understood"),
        ({}, "for the labels \\[\\]"),
        ("text", "not understood"),
    ],
)
def test_arguments_that_have_no_equal(
    tmp_path: Path, function: Callable[..., Any], arguments: object, words: str
) -> None:
    written(tmp_path, ([function], [arguments]))
    with pytest.raises(ModelError, match=words):
        steps(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pickle.dumps([1, 2, 3]),
        pickle.dumps(([1], [])),
        pickle.dumps({"a": 1}),
        b"\x80\x04\x95" + bytes(40),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    written(tmp_path, content)
    with pytest.raises(ModelError, match=r"damaged or no post-processing.*import it without"):
        steps(tmp_path)


def test_an_unknown_function_by_its_name(tmp_path: Path) -> None:
    content = {"postprocessing_fns": ["fill_everything"], "postprocessing_kwargs": [{}]}
    written(tmp_path, json.dumps(content).encode(), "postprocessing.json")
    with pytest.raises(ModelError, match=r"'fill_everything' in .*not one that UNetSegment has"):
        steps(tmp_path)
