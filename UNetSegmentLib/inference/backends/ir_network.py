"""The smaller form of a network in OpenVINO's IR, behind the face of a torch module that only OpenVINO can run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...errors import DependencyError, ModelError

IrFiles = tuple[bytes, ...]
"""What the ``.xml`` and the ``.bin`` of one network hold."""

# More numbers for each voxel of a tile than any layer of a U-Net gives.
_MOST_CHANNELS = 4096
# Layers between a network's last convolution and its output.
_AFTER = ("Add", "Convert", "FakeQuantize", "Reshape", "Squeeze", "Unsqueeze")


class IrNetwork(nn.Module):
    """One network, or the features of several side by side.

    Args:
        files: of each network.
        what: what to call it in messages.
        features: channels of what each network's last convolution is given, where that is wanted in place of logits.

    Raises:
        DependencyError: OpenVINO is not installed.
        ModelError: a file is no IR, or one that is not safe to run, or has no such last layer.
    """

    def __init__(self, files: Sequence[IrFiles], what: str, features: int | None = None) -> None:
        super().__init__()
        from .ir_check import check_ir

        for each in files:
            if len(each) != 2:
                raise ModelError(f"{what} consists of {len(each)} files; expected are an .xml and a .bin file.")
            check_ir(each[0], each[1], what)
        self._files = tuple(files)
        self._what = what
        self._features = features
        self.openvino_model()

    def openvino_model(self) -> Any:
        """A new ``openvino.Model``: (N, C, *patch) to logits (N, K, *patch), or to features; sizes as in the file."""
        models = [self._read(files) for files in self._files]
        if self._features is None:
            return models[0]
        return _side_by_side(models, [_features_of(model, self._features, self._what) for model in models])

    def check_sizes(self, model: Any, shape: Sequence[int]) -> None:
        """Refuses a model that would take memory without end for an input of ``shape`` (N, C, *patch)."""
        most = _MOST_CHANNELS * shape[0] * math.prod(shape[2:])
        for node in model.get_ops():
            for output in node.outputs():
                found = output.get_partial_shape()
                if found.is_dynamic or (math.prod(found.to_shape()) > most and node.get_type_name() != "Constant"):
                    raise ModelError(
                        f"{self._what} would need a map of the size {found} for one of {tuple(shape)}.",
                        "Use the full weights (form 'full'), and get the model again from a source that you trust.",
                    )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Not by torch."""
        raise NotImplementedError(f"{self._what} runs in OpenVINO only")

    def _read(self, files: IrFiles) -> Any:
        try:
            import openvino
        except ImportError as error:
            raise DependencyError(
                f"{self._what} needs the package openvino, which is not installed.",
                "Install it with: pip install openvino. Or use the full weights (form 'full').",
                str(error),
            ) from error
        try:
            model = openvino.Core().read_model(*files)
        except Exception as error:  # the runtime has errors of its own kinds
            raise ModelError(
                f"OpenVINO {openvino.__version__.split('-')[0]} cannot read {self._what}.",
                "Use the full weights (form 'full'), or update OpenVINO: pip install --upgrade openvino.",
                str(error),
            ) from error
        return model


def _features_of(model: Any, channels: int, what: str) -> Any:
    """The output that the last convolution is given, before it is rounded to 8 bits."""
    node = model.get_results()[0].input_value(0).get_node()
    while node.get_type_name() in _AFTER:
        node = node.input_value(0).get_node()
    if node.get_type_name() == "Convolution":
        source = node.input_value(0)
        while source.get_node().get_type_name() == "FakeQuantize":
            source = source.get_node().input_value(0)
        shape = source.get_partial_shape()
        if shape.rank.is_static and shape[1].is_static and shape[1].get_length() == channels:
            return source
    raise HeadNotFoundError(f"{what} does not end in a convolution of {channels} channels.")


class HeadNotFoundError(ModelError):
    """The last layer of an IR is not that of the network that it was made of."""


def _side_by_side(models: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """One model with the input of the first and the outputs along the channels."""
    import openvino
    import openvino.opset13 as ops

    parameter = models[0].get_parameters()[0]
    for model in models[1:]:
        for target in list(model.get_parameters()[0].output(0).get_target_inputs()):
            target.replace_source_output(parameter.output(0))
    joined = outputs[0] if len(outputs) == 1 else ops.concat(list(outputs), 1).output(0)
    return openvino.Model([ops.result(joined)], [parameter], "features")
