"""A compiled training computes what an ordinary one does, and says so in time where nothing can be compiled."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import pytest
import torch

from UNetSegmentLib.errors import InputError, ResourceError
from UNetSegmentLib.training import load_config, save_config, train
from UNetSegmentLib.training.loop.compilation import compiled
from UNetSegmentLib.training.loop.state import start_state

# What torch looks for on Linux and macOS; on Windows it is Visual Studio's cl.
needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "c++", "clang++", "cl")), reason="no C++ compiler is installed"
)


_TRAIN = """
import sys
from UNetSegmentLib.training import load_config, train
for path in sys.argv[1:]:
    train(load_config(path))
"""


def _weights(path):
    return torch.load(path / "checkpoint.pt", weights_only=True)["network"]


def _compiled_runs(folder, *configs):
    """In a process of its own, whose text is UTF-8 whatever the locale here is: torch's compiler needs that."""
    plans = [folder / f"plan{n}.json" for n in range(len(configs))]
    for path, config in zip(plans, configs, strict=True):
        save_config(dataclasses.replace(config, compile=True), path)
    subprocess.run([sys.executable, "-X", "utf8", "-c", _TRAIN, *map(str, plans)], check=True)


@needs_compiler
def test_a_compiled_training_goes_the_same_way(make_config, tmp_path):
    # Adam would blow rounding up, because it divides tiny gradients by their own size.
    plain = make_config(steps=4, optimizer=dataclasses.replace(make_config().optimizer, kind="sgd"))
    first = train(plain)
    card = dataclasses.replace(plain.card, inference=dataclasses.replace(plain.card.inference, patch=(8, 16, 12)))
    other = dataclasses.replace(plain, output=str(tmp_path / "other"), card=card, batch=1, steps=1)
    _compiled_runs(tmp_path, dataclasses.replace(plain, output=str(tmp_path / "compiled")), other)
    expected, moved = _weights(first.model.parent), 0.0
    fresh = start_state(plain, torch.Generator(), torch.device("cpu"), False).network.state_dict()
    for name, value in _weights(tmp_path / "compiled").items():
        moved = max(moved, float((value - fresh[name]).abs().max()))
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-5)
    assert moved > 1e-2
    # Another size in the same process is compiled as well.
    assert (tmp_path / "other" / "model" / "model.json").is_file()
    assert load_config(tmp_path / "compiled" / "training.json").compile


@needs_compiler
def test_a_run_may_be_resumed_compiled(make_config, tmp_path):
    config = make_config(steps=4)
    train(config)
    _compiled_runs(tmp_path, dataclasses.replace(config, steps=6))
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 6


def test_a_locale_that_the_compiler_cannot_read_is_named(monkeypatch):
    def broken(*_args, **_options):
        raise UnicodeDecodeError("ascii", b"\xe2", 0, 1, "ordinal not in range(128)")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ResourceError, match="not UTF-8") as caught:
        compiled(torch.nn.Identity(), torch.device("cpu"))
    assert "PYTHONUTF8" in caught.value.cure


def test_without_a_compiler_it_is_said_before_the_first_step(make_config, tmp_path, monkeypatch):
    def broken(*_args, **_options):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(ResourceError, match="cannot be compiled for cpu") as caught:
        compiled(torch.nn.Identity(), torch.device("cpu"))
    assert "without 'compile'" in caught.value.cure
    assert "No working" in caught.value.detail
    with pytest.raises(ResourceError, match="cannot be compiled"):
        train(make_config(compile=True))
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_compile_is_a_truth_value(make_config, tmp_path):
    path = tmp_path / "plan.json"
    save_config(make_config(), path)
    path.write_text(path.read_text(encoding="utf-8").replace('"compile": false', '"compile": "fast"'), encoding="utf-8")
    with pytest.raises(InputError, match="compile"):
        load_config(path)
