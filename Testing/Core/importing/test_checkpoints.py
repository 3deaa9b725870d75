"""Checkpoints: what is read, and that nothing in a hostile one ever runs."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nnunet_files import Results

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.models.importing.checkpoint import load_checkpoint


class Runs:
    """Unpickling this calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


class Unknown:
    """A class that only the author's program has."""


def saved(content: object, path: Path, older: bool = False) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=not older)
    return path


@pytest.mark.parametrize("older", [False, True])
def test_tensors_plain_values_and_numpy_numbers(tmp_path: Path, older: bool) -> None:
    content = {
        "network_weights": {"a": torch.arange(6.0).reshape(2, 3)},
        "numbers": [np.float64(0.5), np.float32(2), np.int64(-3), np.float16(1)],
        "device": torch.device("cpu"),
        "nothing": None,
        "words": ("x", {1, 2}),
    }
    read = load_checkpoint(saved(content, tmp_path / "c.pth", older))
    assert torch.equal(read["network_weights"]["a"], content["network_weights"]["a"])  # type: ignore[index]
    assert read["numbers"] == [0.5, 2.0, -3, 1.0]


def test_numbers_pickled_by_another_numpy(tmp_path: Path) -> None:
    """Numpy 2 moved the function that its pickles name; files of either are read with either."""
    mine = saved({"value": np.float64(0.5)}, tmp_path / "mine.pth", older=True).read_bytes()
    names = (b"numpy._core.multiarray", b"numpy.core.multiarray")
    present = next(name for name in names if name in mine)
    other = next(name for name in names if name != present)
    # In protocol 2 a module's name ends with a line, so that its length may change.
    (tmp_path / "other.pth").write_bytes(mine.replace(present, other))
    assert load_checkpoint(tmp_path / "other.pth")["value"] == 0.5


HOSTILE = {
    "os.system": lambda mark: Runs(os.system, f"touch '{mark}'"),
    "eval": lambda mark: Runs(eval, f"open({str(mark)!r}, 'w').close()"),
    "exec": lambda mark: Runs(exec, f"open({str(mark)!r}, 'w').close()"),
    "open": lambda mark: Runs(open, str(mark), "w"),
    "Path.touch": lambda mark: Runs(Path.touch, mark),
    "subprocess": lambda mark: Runs(subprocess.call, ["touch", str(mark)]),
    "torch.load": lambda mark: Runs(torch.load, str(mark)),
    "numpy.load": lambda mark: Runs(np.load, str(mark), None, True),
}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_hostile_checkpoint_runs(tmp_path: Path, name: str, older: bool) -> None:
    mark = tmp_path / "ran"
    saved({"network_weights": {}, "extra": HOSTILE[name](mark)}, tmp_path / "c.pth", older)
    with pytest.raises(ModelError, match=r"asks for '.*'.*not opened, since that could run") as caught:
        load_checkpoint(tmp_path / "c.pth")
    assert "tensors and plain values" in caught.value.cure
    assert not mark.exists()


def test_the_hostile_pickles_are_live(tmp_path: Path) -> None:
    """The test above proves something only if the same file would run in an unguarded reader."""
    mark = tmp_path / "ran"
    saved({"extra": HOSTILE["open"](mark)}, tmp_path / "c.pth")
    torch.load(tmp_path / "c.pth", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("where", ["network_weights", "logging", "init_args"])
def test_a_hostile_checkpoint_in_results(tmp_path: Path, where: str) -> None:
    mark = tmp_path / "ran"
    folder = Results(further={where: Runs(os.system, f"touch '{mark}'")}).write(tmp_path)
    with pytest.raises(ModelError, match=r"fold_0/checkpoint_final.pth' asks for '.*system'"):
        import_model(folder, tmp_path / "models")
    assert not mark.exists()
    assert not (tmp_path / "models").exists()


def test_a_class_is_named_with_what_would_help(tmp_path: Path) -> None:
    saved({"network_weights": {}, "trainer": Unknown()}, tmp_path / "c.pth")
    with pytest.raises(ModelError, match=r"asks for '.*Unknown'.*state dict"):
        load_checkpoint(tmp_path / "c.pth")


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    saved(torch.nn.Linear(2, 2), tmp_path / "c.pth")
    with pytest.raises(ModelError, match="Linear"):
        load_checkpoint(tmp_path / "c.pth")


def test_numpy_objects_are_refused(tmp_path: Path) -> None:
    """An array of objects could hold anything."""
    saved({"log": np.array([Unknown()], dtype=object)}, tmp_path / "c.pth")
    with pytest.raises(ModelError, match="asks for"):
        load_checkpoint(tmp_path / "c.pth")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("older", [False, True])
def test_cut_short(tmp_path: Path, share: float, older: bool) -> None:
    path = saved({"network_weights": {"a": torch.zeros(1000)}}, tmp_path / "c.pth", older)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"cut short|damaged|empty") as caught:
        load_checkpoint(path)
    assert "again" in caught.value.cure


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>404</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS"),
        (b"hello", "no checkpoint"),
        (b"\x80\x02" + b"\xff" * 50, "no checkpoint"),
        (pickle.dumps({"a": 1}, protocol=4), "no checkpoint|more than"),
        (pickle.dumps([1, 2, 3], protocol=2), "no checkpoint|not a dictionary"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "c.pth").write_bytes(content)
    with pytest.raises(ModelError, match=words):
        load_checkpoint(tmp_path / "c.pth")


def test_a_list_is_no_checkpoint(tmp_path: Path) -> None:
    saved([torch.zeros(2)], tmp_path / "c.pth")
    with pytest.raises(ModelError, match="holds a list, not a dictionary"):
        load_checkpoint(tmp_path / "c.pth")


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_a_torchscript_program_is_no_checkpoint(tmp_path: Path) -> None:
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)).save(str(tmp_path / "c.pth"))
    with pytest.raises(ModelError, match="TorchScript program"):
        load_checkpoint(tmp_path / "c.pth")


def test_reading_leaves_torchs_own_list_as_it_was(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    load_checkpoint(saved({"a": np.float64(1)}, tmp_path / "c.pth"))
    assert set(torch.serialization.get_safe_globals()) == before
