"""Expressions and references of a bundle: the harmless ones are worked out, everything else is named and refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models.importing.monai.configuration import Component, Configuration
from UNetSegmentLib.models.importing.monai.expressions import evaluate

VALUES: dict[str, Any] = {"size": [96, 96, 48], "high": True, "root": ".", "display#overlap": 0.25}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5 / 2", 0.75),
        ("len(@size)", 3),
        ("@root + '/models/model.pt'", "./models/model.pt"),
        ("[1.5, 1.5, 1.5] if @high else [3.0, 3.0, 3.0]", [1.5, 1.5, 1.5]),
        ("[3.0] * 3", [3.0, 3.0, 3.0]),
        ("-@size[2] // 2 + 1", -23),
        ("not @high or @display::overlap > 0.1", True),
        ("1 < 2 < 2", False),
        ("{'a': (1, 2)}", {"a": [1, 2]}),
        ("torch.float32", "float32"),
        ("monai.utils.CommonKeys.IMAGE", "image"),
        ("None", None),
        ("@size.to(@high)", [96, 96, 48]),
        ("int('7') % 4", 3),
    ],
)
def test_harmless_expressions_are_worked_out(text: str, value: Any) -> None:
    assert evaluate(text, lambda name: VALUES[name.replace("::", "#")]) == value


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "__import__('os').system('true')",
        "(lambda: 1)()",
        "open('/etc/passwd').read()",
        "[i for i in range(3)]",
        "().__class__.__bases__[0].__subclasses__()",
        "@size.__class__",
        "@size.append(1)",
        "f'{@size}'",
        "'%1000000000d' % 1",
        "getattr(@size, 'clear')()",
        "torch.load('x')",
        "2 ** 100000",
        "10 ** 10 ** 10",
        "[0] * 10000000000",
        "'a' * 100 * 100 * 100 * 100",
        "(x := 5)",
        "*[1]",
        "1 +",
        "(" * 500 + ")" * 500,
        "-" * 1500 + "1",
        "1 / 0",
        "{**{}}",
        "unknown",
        "1" * 3000,
    ],
)
def test_everything_else_is_refused_at_once(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        evaluate(text, lambda name: VALUES[name])
    assert time.perf_counter() - started < 1.0
    assert caught.value.cure


def test_references_reach_inside_and_components_keep_their_arguments_unread() -> None:
    configuration = Configuration(
        {
            "display": {"overlap": 0.25},
            "sizes": ["@size", 2],
            "size": "$16 * 2",
            "net": {"_target_": "monai.networks.nets.UNet", "channels": "@sizes", "file": "$open('x')"},
            "network": "$@net.to(@device)",
            "device": "$torch.device('cuda')",
            "copy": "%display::overlap",
            "channels": "@net#channels#0",
        }
    )
    assert configuration.get("sizes") == [32, 2]
    assert configuration.get("copy") == 0.25
    assert configuration.get("channels") == 32
    network = configuration.get("network")
    assert isinstance(network, Component)
    assert (network.target, network.full_target) == ("UNet", "monai.networks.nets.UNet")
    assert network.get("channels") == [32, 2]
    with pytest.raises(ModelError, match="'file' of 'UNet'"):
        network.finish()
    with pytest.raises(ModelError, match="run as a program"):
        network.get("file")
    assert configuration.get("absent", 5) == 5


def test_disabled_components_are_left_out() -> None:
    off = {"_target_": "UNet", "_disabled_": "$1 > 0"}
    assert Configuration({"steps": [off, {**off, "_disabled_": False}]}).get("steps")[0] is None


@pytest.mark.parametrize(
    "data",
    [
        {"a": "@a"},
        {"a": "$@b + 1", "b": "@c", "c": ["@a"]},
        {"a": "@missing"},
        {"a": "@b#9", "b": [1]},
        {"a": "%other.json::b"},
        {"a": {"_target_": 5}},
        {"a": {"_target_": "UNet", "_mode_": "callable"}},
        {f"{chr(97 + n)}": [f"@{chr(98 + n)}"] * 10 for n in range(12)} | {"m": 1},
        {f"{chr(97 + n)}": f"$@{chr(98 + n)} + @{chr(98 + n)}" for n in range(20)} | {"u": "bomb" * 10},
    ],
)
def test_circles_bombs_and_gaps_are_refused(data: dict[str, Any]) -> None:
    started = time.perf_counter()
    with pytest.raises(ModelError):
        Configuration(data).get("a")
    assert time.perf_counter() - started < 5.0
