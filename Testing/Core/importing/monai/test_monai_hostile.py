"""MONAI bundles that are broken or meant to harm."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from bundle_files import CONFIGURATION, METADATA, configuration, plan, their_weights, write_bundle

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.networks.config import OpaqueNetwork


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    with pytest.raises(ModelError, match=r"models/model\.pt"):
        import_model(folder, tmp_path / "models")
    (folder / "configs" / "inference.json").unlink()
    with pytest.raises(ModelError, match=r"configs/inference\.json"):
        import_model(folder, tmp_path / "models")


def test_weights_must_fit(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    theirs = their_weights(plan(folder))
    name = next(iter(theirs))
    for state, words in (
        ({k: v for k, v in theirs.items() if k != name}, "lacks"),
        ({**theirs, "extra.weight": torch.zeros(2)}, "extra.weight"),
        ({**theirs, name: torch.zeros(1, 1, 1, 1, 1)}, "where the network has"),
        ({"epoch": 3}, "no weights"),
    ):
        torch.save(state, folder / "models" / "model.pt")
        with pytest.raises(ModelError, match=words):
            import_model(folder, tmp_path / "models")
    assert not (tmp_path / "models" / "bundle").exists()


class _Hostile:
    """Unpickling it would make a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


def test_a_hostile_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    torch.save({"model": _Hostile(tmp_path / "was-here")}, folder / "models" / "model.pt")
    with pytest.raises(ModelError, match="mkdir"):
        import_model(folder, tmp_path / "models")
    assert not (tmp_path / "was-here").exists()


def test_a_program_needs_trust(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    network = torch.nn.Conv3d(1, 3, 1)
    torch.jit.script(network).save(str(folder / "models" / "model.ts"))
    with pytest.raises(ModelError, match=r"model\.ts"):
        import_model(folder, tmp_path / "models")
    [package] = import_model(folder, tmp_path / "models", trust=True)
    card = load_model(package).card
    assert isinstance(card.network, OpaqueNetwork)
    assert card.preparation.transpose == (2, 1, 0)
    assert card.preparation.spacing == (1.5, 1.25, 2.0)
    assert card.inference.patch == (32, 48, 16)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/models/../../x.pt", "@bundle_root"])
def test_checkpoints_outside_the_bundle_are_not_looked_for(path: str, tmp_path: Path) -> None:
    loader = {"_target_": "CheckpointLoader", "load_path": path, "load_dict": {"model": "@network"}}
    folder = write_bundle(tmp_path / "bundle", configuration(checkpointloader=loader))
    try:
        assert plan(folder).checkpoint == "models/model.pt"
    except ModelError as error:
        assert "checkpoint" in error.cause


YAML_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]" for n in range(12)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (YAML_BOMB, "aliases"),
        ("a: !!python/object/apply:os.system ['true']", "not readable"),
        ("a: [", "not readable"),
        ("- 1\n- 2", "named entries"),
        ("[" * 5000, "not readable"),
        ("a: " + "[" * 200 + "]" * 200, "not readable"),
    ],
)
def test_hostile_yaml(text: str, words: str, tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="PyYAML reads YAML bundles")
    folder = write_bundle(tmp_path / "bundle")
    (folder / "configs" / "inference.json").unlink()
    (folder / "configs" / "inference.yaml").write_text(text)
    with pytest.raises(ModelError, match=words):
        plan(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"a": ' * 300 + "1" + "}" * 300, "\x00\xff"])
@pytest.mark.parametrize("name", ["inference", "metadata"])
def test_broken_json(text: str, name: str, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    (folder / "configs" / f"{name}.json").write_text(text, encoding="latin-1")
    with pytest.raises(ModelError):
        plan(folder)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, item in items for leaf in _leaves(item, (*path, key)))]


@pytest.mark.parametrize(
    "wrong", [None, -1, 1e308, "@x", "$[[]]", [], [[1]], {"a": []}, {"_target_": "UNet"}, True, "x"]
)
def test_whatever_stands_there_is_refused_in_words(wrong: Any, tmp_path: Path) -> None:
    """Each value in turn replaced by nonsense: a card, or an error of ours."""
    folder = write_bundle(tmp_path / "bundle")
    for part, original in (("inference", CONFIGURATION), ("metadata", METADATA)):
        for path in _leaves(original)[1:]:
            data = json.loads(json.dumps(original))
            inner = data
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            (folder / "configs" / f"{part}.json").write_text(json.dumps(data))
            with contextlib.suppress(ModelError):
                plan(folder)
        (folder / "configs" / f"{part}.json").write_text(json.dumps(original))


def test_only_what_is_asked_for_is_looked_at(tmp_path: Path) -> None:
    """The paths, loops and handlers of a bundle are programs; they do not matter, and are not even parsed."""
    extra = {"anything": "$__import__('os').system('true')", "handlers": [{"_target_": "own.Handler"}]}
    assert plan(write_bundle(tmp_path / "bundle", configuration(**extra))).card.title == "Two organs"
