"""What a network needs for one patch, by arithmetic on sizes alone.

The network is built on torch's meta device, where a tensor has a size and no values: passing a patch through it
computes and allocates nothing, and takes milliseconds. Every tensor that would come into being is counted, so parts
that are registered later (attention gates, foreign encoders) are counted as well without telling this module.

Convention: one multiply-accumulate is **two** floating-point operations, as in torch's own counter; only convolutions
and matrix products count. nnU-Net's plain network (features 32 to 320, six stages) then needs 0.954 TFLOP for 128^3.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .architectures import build
from .config import AnyNetwork, OpaqueNetwork


@dataclass(frozen=True)
class NetworkCost:
    """For one patch (batch 1) of inference in fp32.

    Args:
        parameters: learnt numbers, heads of deep supervision included.
        flops: floating-point operations of convolutions and matrix products.
        activation_bytes: all feature maps together, each once; training keeps about this much for the way back.
        peak_bytes: the most that lives at one moment of inference, input included, weights and the convolution
            library's workspace not.
    """

    parameters: int
    flops: int
    activation_bytes: int
    peak_bytes: int


def cost(config: AnyNetwork, patch: Sequence[int]) -> NetworkCost:
    """The needs of ``config`` for a patch of ``patch`` voxels, as many axes as the network has (z, y, x or y, x).

    A leading 1 before a 2D patch (z of a model card) is dropped. Of a network that is a file nothing is known but its
    channels; its peak is taken to be that of a usual U-Net, the rest 0.

    Raises:
        ModelError: a configuration that cannot be built.
    """
    spatial = tuple(patch)[-config.dimension :]
    if isinstance(config, OpaqueNetwork):
        channels = config.in_channels + config.out_channels + _USUAL_CHANNELS
        return NetworkCost(0, 0, 0, channels * math.prod(spatial) * 4)
    return _cost(config, spatial)


def layer_flops(config: AnyNetwork, patch: Sequence[int]) -> dict[str, int]:
    """The operations that :func:`cost` counts, by the layer that does them: name of its weight to operations.

    Each is proportional to the sizes of the weight's first two axes. Products of two maps (attention) belong to no
    weight and are left out.

    Raises:
        ModelError: a configuration that cannot be built.
    """
    with torch.device("meta"):
        network = build(config).eval()
        image = torch.empty(1, config.in_channels, *tuple(patch)[-config.dimension :])
    ledger, found = _Ledger(), dict[str, int]()

    def watch(name: str, layer: nn.Module) -> None:
        def before(*_: Any) -> None:
            found[name] = found.get(name, 0) - ledger.flops

        def after(*_: Any) -> None:
            found[name] += ledger.flops

        layer.register_forward_pre_hook(before)
        layer.register_forward_hook(after)

    for name, layer in network.named_modules():
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1:
            watch(f"{name}.weight", layer)
    with torch.no_grad(), ledger, _ByShape():
        network(image)
    return found


# At full resolution, where 32 and 32 joined maps become 32 new ones.
_USUAL_CHANNELS = 32 + 32 + 32


@lru_cache(maxsize=64)
def _cost(config: AnyNetwork, patch: tuple[int, ...]) -> NetworkCost:
    with torch.device("meta"):
        network = build(config).eval()
        image = torch.empty(1, config.in_channels, *patch)
    parameters = sum(p.numel() for p in network.parameters())
    ledger = _Ledger()
    ledger.enter(image)
    with torch.no_grad(), ledger, _ByShape():
        network(image)
    return NetworkCost(parameters, ledger.flops, ledger.total - _bytes(image), ledger.peak)


class _ByShape(TorchFunctionMode):
    """Answers norms, activations, sums, concatenations and interpolations itself: their result's shape is plain. Torch
    would work it out with parts of its compiler, whose import alone takes 0.6 to 7 s. What is not named here still
    works, at that price."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.cat:
            return _concatenated(*args, **kwargs)
        if func is torch.Tensor.add and getattr(args[1], "shape", None) == args[0].shape:
            return _alike(args[0])
        if func is functional.interpolate:
            return _interpolated(*args, **kwargs)
        if func not in _SAME_SHAPE:
            return func(*args, **kwargs)
        in_place = kwargs.get("inplace", False) or args[-1] is True
        return args[0] if in_place else _alike(args[0])


def _alike(tensor: Tensor) -> Tensor:
    # torch.empty_like would keep strides too, by a rule that lies in the compiler.
    return tensor.new_empty(tensor.shape)


def _concatenated(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    return tensors[0].new_empty(shape)


def _interpolated(
    image: Tensor, size: Sequence[int] | None = None, scale_factor: float | None = None, **how: Any
) -> Tensor:
    wanted = size if size is not None else [int(n * (scale_factor or 1)) for n in image.shape[2:]]
    return image.new_empty((*image.shape[:2], *wanted))


def _convolved(
    image: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """An empty result of ``aten.convolution``; what is given once counts for all axes."""
    sizes, kernel = image.shape[2:], weight.shape[2:]
    steps, pads, gaps, more = (
        list(given) * (len(sizes) if len(given) == 1 else 1) for given in (stride, padding, dilation, output_padding)
    )
    spans = [gap * (n - 1) for gap, n in zip(gaps, kernel, strict=True)]
    if transposed:
        shape = [(n - 1) * s - 2 * p + k + m + 1 for n, s, p, k, m in zip(sizes, steps, pads, spans, more, strict=True)]
        return image.new_empty((len(image), weight.shape[1] * groups, *shape))
    shape = [(n + 2 * p - k - 1) // s + 1 for n, s, p, k in zip(sizes, steps, pads, spans, strict=True)]
    return image.new_empty((len(image), len(weight), *shape))


class _Ledger(TorchDispatchMode):
    """Books every tensor's memory from its birth to its death, and the arithmetic of every operator."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True would import torch's compiler with the first operator, see _ByShape. Older torch does not ask.
        return False

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.total = 0
        self.living = 0
        self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # Torch's own rule for the shape of a convolution imports its compiler with the first one, see _ByShape.
        result = _convolved(*args) if func is _aten.convolution.default else func(*args, **(kwargs or {}))
        count = _COUNTERS.get(func._overloadpacket)
        first = result[0] if isinstance(result, tuple | list) else result
        if count is not None:
            self.flops += count(args, first)
        if isinstance(first, Tensor):
            self.enter(first)
        return result

    def enter(self, tensor: Tensor) -> None:
        """A tensor that owns new memory; views and in-place results are known already."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self.total += size
        self.living += size
        self.peak = max(self.peak, self.living)
        weakref.finalize(storage, self._leave, key, size)

    def _leave(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.living -= size


def _convolution(args: tuple[Any, ...], result: Tensor) -> int:
    image, weight, transposed = args[0], args[1], args[6]
    # A weight is (out, in / groups, *kernel), transposed (in, out / groups, *kernel): each voxel of the result, or of
    # the input when transposed, meets the whole kernel once for every number in the weight's second axis.
    voxels = image if transposed else result
    return 2 * voxels.numel() * math.prod(weight.shape[1:])


def _matrix_product(args: tuple[Any, ...], result: Tensor) -> int:
    return 2 * result.numel() * int(args[0].shape[-1])


def _added_matrix_product(args: tuple[Any, ...], result: Tensor) -> int:
    return _matrix_product(args[1:], result)


_SAME_SHAPE = {
    functional.instance_norm,
    functional.batch_norm,
    functional.group_norm,
    functional.layer_norm,
    functional.leaky_relu,
    functional.relu,
    functional.elu,
    functional.gelu,
    functional.silu,
    functional.mish,
    torch.prelu,
    torch.relu,
    torch.sigmoid,
}
_aten = torch.ops.aten
_COUNTERS: dict[Any, Callable[[tuple[Any, ...], Tensor], int]] = {
    _aten.convolution: _convolution,
    _aten.mm: _matrix_product,
    _aten.bmm: _matrix_product,
    _aten.addmm: _added_matrix_product,
    _aten.baddbmm: _added_matrix_product,
}


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
