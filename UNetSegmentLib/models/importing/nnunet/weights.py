"""State dicts of nnU-Net's networks under the names of ours, tensor for tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ....errors import ModelError
from ....networks.config import NetworkConfig

if TYPE_CHECKING:
    from torch import Tensor

# The decoder holds the encoder once more, every convolution unit its parts once more in order, and the heads of the
# lower resolutions served in training only.
_SPARE = re.compile(r"decoder\.encoder\.|.*\.all_modules\.|decoder\.seg_layers\.\d+\.")
_WRAPPERS = ("module.", "_orig_mod.")


def map_weights(config: NetworkConfig, weights: Any, shown: str) -> dict[str, Tensor]:
    """The weights of a checkpoint for the network of ``config``.

    Args:
        config: what the plans describe.
        weights: the checkpoint's ``network_weights``.
        shown: what to call the checkpoint in messages.

    Raises:
        ModelError: no state dict; or a tensor that is missing, left over or of another shape, so that the trainer must
            have built another network than the plans describe.
    """
    import torch

    from ....networks import build

    theirs = _unwrapped(weights, shown)
    with torch.device("meta"):
        ours = build(config).state_dict()
    heads = [int(name.split(".")[2]) for name in theirs if re.fullmatch(r"decoder\.seg_layers\.\d+\.weight", name)]
    mapped, used = {}, set()
    for name, tensor in ours.items():
        source = _their_name(config, name, max(heads, default=0))
        if source not in theirs and name.endswith("num_batches_tracked"):
            mapped[name] = torch.zeros((), dtype=torch.long)
            continue
        if source not in theirs:
            raise _other_network(shown, f"it has no '{source}'")
        if theirs[source].shape != tensor.shape:
            sizes = f"{tuple(theirs[source].shape)} where the plans make it {tuple(tensor.shape)}"
            raise _other_network(shown, f"'{source}' is {sizes}")
        used.add(source)
        mapped[name] = theirs[source].to(tensor.dtype)
    for name in theirs:
        if name not in used and not _SPARE.match(name):
            raise _other_network(shown, f"it has '{name}', which the plans' network has not")
    return mapped


def _their_name(config: NetworkConfig, name: str, head: int) -> str:
    """nnU-Net's name for one of our tensors."""
    parts = name.split(".")
    if parts[0] == "heads":
        return f"decoder.seg_layers.{head}.{parts[-1]}"
    if parts[1] == "stem":
        return ".".join(["encoder.stem.convs", *parts[2:]])
    level, rest = int(parts[2]), parts[3:]
    if parts[0] == "encoder":
        prefix = f"encoder.stages.{level}" if config.block == "residual" else f"encoder.stages.{level}.0"
        pooled = rest[0] == "0" and max(config.strides[level]) > 1
        return ".".join([prefix, *_unit(config.block, rest, pooled)])
    # Theirs count from the bottleneck up.
    stage = config.stages - 2 - level
    if rest[0] == "up":
        return f"decoder.transpconvs.{stage}.{rest[-1]}"
    return ".".join([f"decoder.stages.{stage}", *_unit(config.decoder_block or config.block, rest[1:], False)])


def _unit(block: str, rest: list[str], pooled: bool) -> list[str]:
    """Inside a stack of blocks: the block's number, then what it is made of. ``pooled``: its shortcut begins so."""
    number, part, *inner = rest
    if block == "plain":
        return ["convs", number, part, *inner]
    if part == "first":
        return ["blocks", number, "conv1", *inner]
    if part == "shortcut":
        # Ours is [pooling,] convolution, norm; theirs [pooling,] unit of convolution and norm.
        position, leaf = int(inner[0]), inner[1]
        return ["blocks", number, "skip", str(int(pooled)), "norm" if position > int(pooled) else "conv", leaf]
    return ["blocks", number, "conv2", part, *inner]


def _unwrapped(weights: Any, shown: str) -> dict[str, Tensor]:
    """Without the prefixes of parallel training and of torch.compile."""
    import torch

    if not isinstance(weights, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in weights.values()):
        raise ModelError(
            f"The weights in '{shown}' are no dictionary of tensors.", "Use the checkpoint as nnU-Net wrote it."
        )
    plain = {}
    for name, tensor in weights.items():
        key = str(name)
        while key.startswith(_WRAPPERS):
            key = key.split(".", 1)[1]
        plain[key] = tensor
    return plain


def _other_network(shown: str, how: str) -> ModelError:
    return ModelError(
        f"The weights in '{shown}' are not those of the network that the plans describe: {how}.",
        "Either plans.json and checkpoint come from different trainings, or the trainer built a network of its own. "
        "Such a network can be imported from an ONNX file.",
    )
