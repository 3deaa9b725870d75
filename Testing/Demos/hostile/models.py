"""Hostile models and texts: sizes without end, weights that are no numbers, names that are commands."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from .place import Hostile, Place

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Core" / "importing"))


def _card(place: Place, *path: str, value: Any, options: tuple[str, ...] = ()) -> list[str]:
    """``segment`` with a model whose card has one value changed."""

    def change(card: dict[str, Any]) -> None:
        *parents, last = path
        inner = card
        for name in parents:
            inner = inner[name]
        inner[last] = value

    return place.segment(place.image(), *options, model=place.model(change))


def _weights_not_finite(place: Place) -> list[str]:
    import torch

    from UNetSegmentLib.models import load_model, save_model

    model = load_model(str(place.package))
    state = model.network(0).state_dict()
    broken = {key: torch.full_like(tensor, float("nan")) for key, tensor in state.items()}
    return place.segment(place.image(), model=save_model(model.card, [broken], place.folder / "model"))


def _labels(count: int) -> list[dict[str, Any]]:
    return [{"value": n, "name": f"label {n}", "color": [1, 2, 3]} for n in range(1, count + 1)]


def _yaml_bomb(place: Place) -> list[str]:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bundle = place.folder / "bundle"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "metadata.json").write_text("{}", encoding="utf-8")
    (bundle / "configs" / "inference.yaml").write_text("\n".join(lines), encoding="utf-8")
    return ["import", str(bundle), "--to", str(place.folder / "models")]


def _deep_yaml(place: Place) -> list[str]:
    bundle = place.folder / "bundle"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "configs" / "metadata.json").write_text("{}", encoding="utf-8")
    (bundle / "configs" / "inference.yaml").write_text("[" * 50_000, encoding="utf-8")
    return ["import", str(bundle), "--to", str(place.folder / "models")]


def _results(place: Place, **changes: Any) -> Path:
    """nnU-Net results with entries of the configuration changed."""
    from nnunet_files import Results

    results = Results()
    results.own.update(changes)
    return results.write(place.folder)


def _many_labels(place: Place) -> list[str]:
    from nnunet_files import Results

    results = Results()
    results.dataset["labels"] = {"background": 0} | {f"label {n}": n for n in range(1, 100_001)}
    return ["import", str(results.write(place.folder)), "--to", str(place.folder / "models")]


def _checkpoint(place: Place, kind: str) -> list[str]:
    from nnunet_files import Results

    weights = Results().weights(0)
    name = next(iter(weights))
    weights[name] = weights[name].to_sparse() if kind == "sparse" else weights[name].to("meta")
    results = Results(further={"network_weights": weights})
    try:
        target = results.write(place.folder)
    except NotImplementedError:  # torch does not save meta tensors in every version
        target = place.folder
    return ["import", str(target), "--to", str(place.folder / "models")]


def _toy_as_totalsegmentator(place: Place) -> list[str]:
    return [
        "library",
        "get",
        "totalsegmentator-body",
        "--file",
        str(_results(place).parent),
        "--accept-licence",
        "--to",
        str(place.folder / "models"),
    ]


def _region(place: Place, text: str) -> list[str]:
    return place.segment(place.image(), "--roi", str(place.file("region.mrk.json", text)))


def _named(place: Place, name: str, *options: str) -> list[str]:
    """``segment`` with a model one of whose labels is called so."""

    def change(card: dict[str, Any]) -> None:
        card["labels"][0]["name"] = name

    extras = [str(place.folder / each) if "." in each or each == "surfaces" else each for each in options]
    return place.segment(place.image(), *extras, model=place.model(change))


def _fifo_model(place: Place) -> list[str]:
    path = place.folder / "model.zip"
    os.mkfifo(path)
    return place.segment(place.image(), model=path)


_ROI = {
    "markups": [
        {"type": "ROI", "center": [0, 0, 0], "size": [1e308] * 3, "orientation": [1, 0, 0, 0, 1, 0, 0, 0, 1]},
    ]
}

MODELS = (
    Hostile("C3", "a model of 0.01 mm", lambda p: _card(p, "preparation", "spacing", value=[0.01, 0.01, 0.01])),
    Hostile("C3", "a model with a patch of a million", lambda p: _card(p, "inference", "patch", value=[10**6] * 3)),
    Hostile("C3", "a model with a patch of 2^62", lambda p: _card(p, "inference", "patch", value=[24, 2**62, 24])),
    Hostile("C3", "/dev/zero as model", lambda p: p.segment(p.image(), model="/dev/zero")),
    Hostile("C3", "a FIFO as model", _fifo_model),
    Hostile("C3", "nnU-Net results with 100,000 labels", _many_labels),
    Hostile("C3", "a YAML bomb", _yaml_bomb),
    Hostile("C5", "weights that are no numbers", _weights_not_finite),
    Hostile("C6", "a sparse tensor in a checkpoint", lambda p: _checkpoint(p, "sparse")),
    Hostile("C6", "a tensor without content in a checkpoint", lambda p: _checkpoint(p, "meta")),
    Hostile("C6", "a number too large in a card", lambda p: _card(p, "inference", "overlap", value=10**400)),
    Hostile("C6", "half of a character in a name", lambda p: _named(p, "\udce4"), fine=True),
    Hostile("C6", "a region file nested 100,000 deep", lambda p: _region(p, "[" * 100_000)),
    Hostile("C6", "a region of 1e308 mm", lambda p: _region(p, json.dumps(_ROI)), fine=True),
    Hostile("C9", "a toy network as TotalSegmentator's body", _toy_as_totalsegmentator),
    Hostile("C10", "escape sequences in a label's name", lambda p: _named(p, "a\x1b]0;b\x07\x1b[31m"), fine=True),
    Hostile(
        "C10", "a formula as a label's name", lambda p: _named(p, "=cmd|'/C calc'!A0", "--table", "t.csv"), fine=True
    ),
    Hostile("C10", "a label's name on two lines", lambda p: _named(p, "left\nright", "--preview", "p.png"), fine=True),
    Hostile("C10", "a name of 300 letters", lambda p: _named(p, "x" * 300, "--surfaces", "surfaces"), fine=True),
    Hostile("C11", "50 kB of [ as YAML", _deep_yaml),
    Hostile(
        "C11",
        "a stage that names itself as the one before",
        lambda p: ["import", str(_results(p, previous_stage="3d_fullres")), "--to", str(p.folder / "models")],
    ),
)
