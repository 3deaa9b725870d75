"""Packages with an 8-bit form made by hand: OpenVINO's own conversion, with roundings put in front of layers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from UNetSegmentLib.models import CompressedForm, ModelCard, save_model

KIND = "int8-openvino"


def ir_of(network: nn.Module, channels: int, dimension: int, levels: int = 0, span: float = 8.0) -> tuple[bytes, bytes]:
    """The ``.xml`` and ``.bin`` of a network for tiles of any number and size.

    Args:
        levels: roundings of each convolution's input between ``-span`` and ``span``; 0 for none.
    """
    import openvino
    import openvino.opset13 as ops

    example = torch.zeros(1, channels, *(16,) * dimension)
    with torch.inference_mode():
        script = torch.jit.trace(network, example, check_trace=False)
        model = openvino.convert_model(script)
    model.reshape({model.inputs[0]: [-1, channels, *(-1,) * dimension]})
    for node in model.get_ordered_ops() if levels else ():
        if node.get_type_name() == "Convolution":
            low, high = np.float32(-span), np.float32(span)
            rounded = ops.fake_quantize(node.input_value(0), low, high, low, high, levels)
            node.input(0).replace_source_output(rounded.output(0))
    return written(model)


def written(model: object) -> tuple[bytes, bytes]:
    """What the two files of an ``openvino.Model`` hold."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        del model
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def small_package(
    card: ModelCard, networks: Sequence[nn.Module], folder: Path, irs: Sequence[tuple[bytes, bytes]]
) -> Path:
    """A package of the networks with one IR for each."""
    files = tuple((f"int8-fold{n}.xml", f"int8-fold{n}.bin") for n in range(len(networks)))
    extra = {
        name: content for names, ir in zip(files, irs, strict=True) for name, content in zip(names, ir, strict=True)
    }
    form = CompressedForm(KIND, files, "by hand", "none")
    weights = [network.state_dict() for network in networks]
    return save_model(replace(card, forms=(form,)), weights, folder, extra=extra)
