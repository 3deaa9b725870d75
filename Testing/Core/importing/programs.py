"""Small TorchScript and ONNX files whose answer is known, and contracts for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Levels(nn.Module):
    """Logits of the rounded intensity: for class c they are 2cx - c^2, largest for the c nearest to x."""

    def __init__(self, classes: int = 3, dimension: int = 3) -> None:
        super().__init__()
        kind = nn.Conv3d if dimension == 3 else nn.Conv2d
        self.head = kind(1, classes, 1)
        with torch.no_grad():
            for c in range(classes):
                self.head.weight[c] = 2 * c
                self.head.bias[c] = -c * c
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x)


def contract(**changes: Any) -> dict[str, Any]:
    """A contract of :class:`Levels`; a value of None leaves the field out."""
    data = {
        "name": "levels",
        "inputs": [{"name": "image", "modality": "any"}],
        "labels": [{"value": 1, "name": "liver"}, {"value": 2, "name": "second level"}],
        "patch": [16, 16, 16],
        "normalization": [{"kind": "none"}],
        **changes,
    }
    return {key: value for key, value in data.items() if value is not None}


def write_contract(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(contract(**changes)))
    return path


def write_script(path: Path, module: nn.Module | None = None, metadata: str | None = None) -> Path:
    extra = {"metadata.json": metadata} if metadata is not None else {}
    torch.jit.save(torch.jit.script(module or Levels()), path, _extra_files=extra)
    return path


def onnx_model(
    shape: tuple[int | str, ...] = (1, 1, 16, 16, 16), classes: int = 3, op: str = "Conv", domain: str = ""
) -> Any:
    """:class:`Levels` as ``onnx.ModelProto``, built by hand so that every part of it can be spoilt."""
    from onnx import TensorProto, helper, numpy_helper

    state = Levels(classes, len(shape) - 2).state_dict()
    weights = [
        numpy_helper.from_array(state["head.weight"].numpy(), "weight"),
        numpy_helper.from_array(state["head.bias"].numpy(), "bias"),
    ]
    node = helper.make_node(op, ["image", "weight", "bias"], ["logits"], domain=domain)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [shape[0], classes, *shape[2:]])
    graph = helper.make_graph([node], "levels", [image], [logits], weights)
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def write_onnx(path: Path, *arguments: Any, properties: dict[str, str] | None = None, **options: Any) -> Path:
    from onnx import helper

    model = onnx_model(*arguments, **options)
    if properties:
        helper.set_model_props(model, properties)
    path.write_bytes(model.SerializeToString())
    return path
