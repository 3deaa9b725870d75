"""A network as an ONNX file: no operators but ONNX's own, the contract in its metadata."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from ...errors import ModelError
from ...inference.backends.half import HalfInside
from ...models.importing.describing import contract_text
from ...models.importing.onnx import PROPERTY
from ...version import __version__
from ..checking import check_packages
from .source import Source

OPSET = 18
"""Read by TensorRT 8.6 to 11, ONNX Runtime 1.14 and OpenVINO 2023.0 on."""

INPUT, OUTPUT = "image", "logits"
BATCH = "batch"

_MOST_BYTES = 2_000_000_000  # protocol buffers end at 2 GiB
_QUIET = ("torch.onnx", "torch.__trace", "onnxscript", "onnx_ir")


def check_exporter() -> None:
    """Refuses early where the exporter's packages are missing.

    Raises:
        DependencyError: naming them.
    """
    check_packages("Writing ONNX", "onnx", "onnxscript", extra="export")


def to_onnx(source: Source, dynamic: bool, half: bool = False) -> bytes:
    """The network as the bytes of an ONNX file, batch of any size, by torch's exporter for ``torch.export`` graphs.

    Args:
        dynamic: other patches too.
        half: weights and arithmetic in half precision, norms, input and output in float32: the types are those of the
            graph itself, as strongly typed networks need (TensorRT 11).

    Raises:
        DependencyError: the packages onnx and onnxscript are not installed.
        ModelError: ONNX has no operator for something in the network, or the file would be too large for the format.
    """
    check_exporter()
    network = HalfInside(source.network) if half else source.network
    size = sum(p.numel() * p.element_size() for p in network.state_dict().values())
    if size > _MOST_BYTES:
        raise ModelError(
            f"The network's weights take {size / 1e9:.1f} GB; an ONNX file holds 2 GB at most.",
            "Export fewer folds, or half precision (--fp16).",
        )
    model = _recorded(network, source.shape, dynamic)
    spatial = "zyx"[-len(source.patch) :] if dynamic else source.patch
    _name_axes(model.graph.input[0], (BATCH, source.shape[1], *spatial))
    _name_axes(model.graph.output[0], (BATCH, source.card.network.out_channels, *spatial))
    describe(model, {PROPERTY: contract_text(source.contract)})
    return bytes(model.SerializeToString())


def describe(model: Any, properties: dict[str, str]) -> None:
    """Puts texts into the metadata of an ``onnx.ModelProto`` and names its maker."""
    import onnx

    onnx.helper.set_model_props(model, properties)
    model.producer_name, model.producer_version = "UNetSegment", __version__
    onnx.checker.check_model(model)


def _recorded(network: nn.Module, shape: Sequence[int], dynamic: bool) -> Any:
    """The ``onnx.ModelProto``."""
    # Two images: sizes of one are taken for constants by torch.export.
    image = torch.zeros(2, *shape[1:])
    axes = range(len(shape)) if dynamic else (0,)
    free = {axis: torch.export.Dim.DYNAMIC for axis in axes if axis != 1}
    try:
        # With gradients, although no weight wants one: without, large maps of ours are convolved piece by piece.
        with _quiet(), torch.enable_grad():
            program = torch.onnx.export(
                network,
                (image,),
                dynamo=True,
                dynamic_shapes=(free,),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=OPSET,
                verbose=False,
            )
        assert program is not None
        model = program.model_proto
    except Exception as error:  # the exporter has errors of its own kinds
        how = " for patches of any size" if dynamic else ""
        cure = "Leave --dynamic out, so that one size of patch is enough." if dynamic else "Export to OpenVINO instead."
        raise ModelError(f"This network cannot be written as ONNX{how}.", cure, _reason(error)) from error
    domains = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if domains or model.functions:
        raise ModelError(
            f"This network needs operators outside ONNX's own set ({', '.join(domains) or 'functions'}).",
            "Export to OpenVINO or TorchScript instead.",
        )
    # Sizes inside have names of their own, which would contradict the new ones of input and output.
    del model.graph.value_info[:]
    return model


def _name_axes(port: Any, sizes: Sequence[int | str]) -> None:
    """Sizes and names of the axes of an input or output."""
    for axis, size in zip(port.type.tensor_type.shape.dim, sizes, strict=True):
        axis.Clear()
        if isinstance(size, str):
            axis.dim_param = size
        else:
            axis.dim_value = size


def _reason(error: BaseException) -> str:
    """The first error of a chain, in one line: what the exporter wraps around it fills pages."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:500]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of packages that it does not find and of its own steps; neither concerns the user."""
    loggers = [logging.getLogger(name) for name in _QUIET]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
