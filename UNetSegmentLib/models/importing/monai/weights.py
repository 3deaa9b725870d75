"""A bundle's checkpoint as a state dict of our network: names changed, axes turned from x, y, z to z, y, x."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ....errors import ModelError
from .networks import Mapped
from .refusal import refused

if TYPE_CHECKING:
    from torch import Tensor

_USUAL_KEYS = ("model", "state_dict", "network", "net", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.")


def convert(checkpoint: Mapping[str, Any], key: str, mapped: Mapped, outputs: Sequence[int]) -> dict[str, Tensor]:
    """Our state dict.

    Args:
        checkpoint: what the bundle's file holds.
        key: the entry that holds the state dict, where the file has more than that.
        mapped: the network.
        outputs: the bundle's output channel behind each of ours.

    Raises:
        ModelError: tensors are missing or left over.
    """
    import torch

    from ....networks import build

    with torch.device("meta"):
        expected = build(mapped.config).state_dict()
    theirs = _state_dict(checkpoint, key)
    used: set[str] = set()
    ours: dict[str, Tensor] = {}
    for name, wanted in expected.items():
        found = _find(mapped.source(name), theirs)
        number = mapped.filled(name)
        if found is not None:
            used.add(found)
            ours[name] = _turned(theirs[found], mapped.config.dimension)
        elif number is not None:
            ours[name] = torch.full(wanted.shape, number)
        elif not name.endswith("num_batches_tracked"):
            raise _misfit(f"it lacks '{mapped.source(name)}'")
        else:
            ours[name] = torch.zeros((), dtype=torch.long)
    left = [name for name in theirs if name not in used and not name.startswith(mapped.duplicates)]
    left = [name for name in left if not _shared_activation(name)]
    if left:
        raise _misfit(f"'{left[0]}' has no place in the network")
    return _reordered(ours, mapped, outputs)


def _state_dict(checkpoint: Mapping[str, Any], key: str) -> dict[str, Tensor]:
    from torch import Tensor

    data: Mapping[str, Any] = checkpoint
    for name in (key, *_USUAL_KEYS):
        inner = data.get(name)
        if isinstance(inner, Mapping):
            data = inner
            break
    state = {str(name): value for name, value in data.items() if isinstance(value, Tensor)}
    if not state:
        raise refused("its checkpoint holds no weights", "Get the bundle's models/model.pt again from its source.")
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _find(name: str, state: Mapping[str, Any]) -> str | None:
    """The tensor of a name in which ``*`` stands for one that varies."""
    if "*" not in name:
        return name if name in state else None
    return next((candidate for candidate in state if fnmatch.fnmatchcase(candidate, name)), None)


def _turned(tensor: Tensor, dimension: int) -> Tensor:
    """Kernels with their spatial axes reversed; everything else as it is. In fp32 where it is a real number."""
    import torch

    if tensor.ndim == dimension + 2:
        tensor = tensor.permute(0, 1, *range(tensor.ndim - 1, 1, -1))
    if tensor.is_floating_point():
        tensor = tensor.to(torch.float32)
    return tensor.contiguous()


def _shared_activation(name: str) -> bool:
    """Slopes that a network lists again under a name of its own."""
    return ".act." in name or name.startswith("act_mod")


def _reordered(state: dict[str, Tensor], mapped: Mapped, outputs: Sequence[int]) -> dict[str, Tensor]:
    if list(outputs) != list(range(len(outputs))):
        for name in mapped.heads:
            state[name] = state[name][list(outputs)].contiguous()
    return state


def _misfit(what: str) -> ModelError:
    return ModelError(
        f"The weights of this MONAI bundle do not fit the network of its inference configuration: {what}.",
        "Use the checkpoint and the configuration of one and the same version of the bundle.",
    )
