"""Every MONAI network: ours, filled from a state dict of MONAI's own, gives the same logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from UNetSegmentLib.models.importing.monai.configuration import Configuration
from UNetSegmentLib.models.importing.monai.networks import read_network
from UNetSegmentLib.models.importing.monai.weights import convert
from UNetSegmentLib.networks import build, cost

nets = pytest.importorskip("monai.networks.nets", reason="MONAI's own networks are what ours are compared with")

UNET = {"spatial_dims": 3, "in_channels": 1, "out_channels": 2}
DYNUNET = {
    **UNET,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [8, 12, 16],
}
CASES: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("UNet", {**UNET, "channels": [4, 8, 16], "strides": [2, 2], "num_res_units": 2, "norm": "batch"}, (8, 12, 16)),
    ("UNet", {**UNET, "channels": [4, 8], "strides": [2]}, (8, 12, 16)),
    ("UNet", {**UNET, "channels": [4, 8, 16], "strides": [2, 1], "num_res_units": 4, "act": "relu"}, (8, 8, 8)),
    (
        "UNet",
        {
            **UNET,
            "channels": [4, 8, 12],
            "strides": [[2, 2, 1], [1, 2, 2], 2],
            "kernel_size": [3, 3, 1],
            "up_kernel_size": [1, 3, 5],
            "num_res_units": 1,
            "norm": ["group", {"num_groups": 2}],
            "act": ["leakyrelu", {"negative_slope": 0.2}],
            "adn_ordering": "ADN",
            "bias": False,
            "dropout": 0.3,
        },
        (8, 12, 4),
    ),
    ("UNet", {**UNET, "spatial_dims": 2, "channels": [4, 8, 16], "strides": [2, 2], "num_res_units": 2}, (16, 24)),
    ("UNet", {**UNET, "channels": [4, 8], "strides": [2], "norm": None, "act": ["elu", {"alpha": 0.5}]}, (8, 8, 8)),
    ("BasicUNet", {**UNET, "features": [4, 4, 6, 8, 10, 6]}, (16, 32, 16)),
    ("BasicUNet", {**UNET, "features": [4, 4, 6, 8, 10, 6], "upsample": "nontrainable", "norm": "batch"}, (17, 32, 21)),
    ("BasicUNet", {**UNET, "spatial_dims": 2, "in_channels": 5, "features": [4, 4, 6, 8, 10, 4]}, (32, 48)),
    ("SegResNet", {**UNET, "init_filters": 8, "blocks_down": [1, 2, 2], "blocks_up": [1, 2]}, (8, 12, 16)),
    (
        "SegResNet",
        {**UNET, "init_filters": 8, "upsample_mode": "deconv", "norm_name": "group", "num_groups": 4},
        (8, 8, 16),
    ),
    ("SegResNet", {**UNET, "spatial_dims": 2, "init_filters": 8, "act": "prelu", "norm": "instance"}, (16, 8)),
    ("AttentionUnet", {**UNET, "channels": [4, 8, 16], "strides": [2, 2]}, (8, 12, 16)),
    (
        "AttentionUnet",
        {**UNET, "channels": [4, 8], "strides": [[2, 1, 2]], "kernel_size": 5, "up_kernel_size": 3},
        (8, 6, 4),
    ),
    ("DynUNet", DYNUNET, (8, 12, 16)),
    ("DynUNet", {**DYNUNET, "res_block": True, "norm_name": "instance"}, (8, 12, 16)),
    (
        "DynUNet",
        {**DYNUNET, "trans_bias": True, "deep_supervision": True, "norm_name": ["GROUP", {"num_groups": 4}]},
        (8, 8, 8),
    ),
    (
        "DynUNet",
        {
            **DYNUNET,
            "kernel_size": [[3, 3, 1], 3, 3],
            "strides": [1, [2, 2, 1], 2],
            "upsample_kernel_size": [[2, 2, 1], 2],
            "res_block": True,
            "act_name": ["leakyrelu", {"inplace": True, "negative_slope": 0.1}],
        },
        (8, 12, 4),
    ),
    ("DynUNet", {**DYNUNET, "spatial_dims": 2, "filters": None, "norm_name": "batch"}, (16, 24)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CASES)])
def test_logits_equal_monais(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    torch.manual_seed(7)
    theirs = getattr(nets, name)(**{k: _tuples(v) for k, v in arguments.items()}).eval()
    _randomise(theirs)
    mapped = read_network(Configuration({"net": {"_target_": name, **arguments}}).get("net"))
    state = convert({"model": theirs.state_dict()}, "model", mapped, range(mapped.config.out_channels))
    ours = build(mapped.config).eval()
    ours.load_state_dict(state)
    image = torch.randn(2, arguments["in_channels"], *shape)
    turned = (0, 1, *range(len(shape) + 1, 1, -1))
    with torch.inference_mode():
        expected = theirs(image)
        found = ours(image.permute(turned)).permute(turned)
        assert float((found - expected).abs().max()) <= 1e-5 * max(float(expected.abs().max()), 1.0)
        if hasattr(ours, "features"):
            assert torch.equal(ours.head(ours.features(image.permute(turned))).permute(turned), found)
    assert cost(mapped.config, shape[::-1]).parameters == sum(p.numel() for p in ours.parameters())


def test_the_division_of_the_patch_is_known() -> None:
    mapped = read_network(Configuration({"n": {"_target_": "UNet", **CASES[3][1]}}).get("n"))
    assert mapped.config.divisor == (2, 4, 2)  # z, y, x


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _randomise(network: torch.nn.Module) -> None:
    """Numbers in every tensor, running statistics too, that a swapped or forgotten one would show in."""
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
        elif tensor.is_floating_point():
            fan = max(tensor[0].numel(), 1) if tensor.ndim > 1 else 1
            tensor.normal_(
                1.0 if tensor.ndim == 1 and name.endswith("weight") else 0.0, 1.5 / fan**0.5 if fan > 1 else 0.3
            )
