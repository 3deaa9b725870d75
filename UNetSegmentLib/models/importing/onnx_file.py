"""What an ONNX file says about itself, read without running it and without the package onnx.

Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...errors import ModelError
from .protobuf import WireError, integer, integers, messages, text

MAX_BYTES = 2 << 30  # the format's own limit for one file
MAX_NODES = 100_000
_MAX_DEPTH = 16
_MAX_AXES = 16
_DOMAINS = ("", "ai.onnx")
_EXTERNAL = 1

# Bytes of an element by TensorProto.DataType; half a byte counts as none.
_WIDTHS = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2}


@dataclass(frozen=True)
class Port:
    """An input or output: its name and sizes, None for a size that is open."""

    name: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class OnnxFile:
    """The face of an ONNX file.

    Args:
        inputs: without those that are weights.
        properties: its metadata.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    properties: Mapping[str, str]
    nodes: int


def inspect(content: bytes, name: str) -> OnnxFile:
    """Looks into a file and refuses what a U-Net has no need of.

    Raises:
        ModelError: not an ONNX file; or it has operators outside ONNX's own set, weights in other files, more weights
            than it has bytes, or a graph of absurd size.
    """
    try:
        return _inspect(memoryview(content), name)
    except WireError as error:
        raise ModelError(
            f"'{name}' is not a readable ONNX file.", "Get the model again from its source.", str(error)
        ) from error


def _inspect(model: memoryview, name: str) -> OnnxFile:
    graphs = list(messages(model, 7))
    if len(graphs) != 1:
        raise WireError(f"{len(graphs)} graphs")
    imported = [text(entry, 1) for entry in messages(model, 8)]
    _refuse_domains(imported, name)
    if any(True for _ in messages(model, 25)):
        raise _refused(name, "it defines operators of its own (functions)")
    count = 0
    for node in _nodes(graphs[0], name):
        count += 1
        if count > MAX_NODES:
            raise _refused(name, f"it has more than {MAX_NODES} operators")
        _refuse_domains([text(node, 7)], name)
        for tensor in _tensors_of(node):
            _check_tensor(tensor, len(model), name)
    weights = set()
    for tensor in messages(graphs[0], 5):
        _check_tensor(tensor, len(model), name)
        weights.add(text(tensor, 8))
    if any(True for _ in messages(graphs[0], 15)):
        raise _refused(name, "it has sparse weights")
    inputs = tuple(port for port in map(_port, messages(graphs[0], 11)) if port.name not in weights)
    properties = {text(entry, 1): text(entry, 2) for entry in messages(model, 14)}
    return OnnxFile(inputs, tuple(map(_port, messages(graphs[0], 12))), properties, count)


def _nodes(graph: memoryview, name: str, depth: int = 0) -> Iterator[memoryview]:
    """Every node, those of the graphs inside others too."""
    if depth > _MAX_DEPTH:
        raise _refused(name, "its graphs are nested too deeply")
    for node in messages(graph, 1):
        yield node
        for attribute in messages(node, 5):
            for field in (6, 11):
                for inner in messages(attribute, field):
                    yield from _nodes(inner, name, depth + 1)
                    for tensor in messages(inner, 5):
                        _check_tensor(tensor, len(graph), name)


def _tensors_of(node: memoryview) -> Iterator[memoryview]:
    for attribute in messages(node, 5):
        for field in (5, 10):
            yield from messages(attribute, field)


def _check_tensor(tensor: memoryview, limit: int, name: str) -> None:
    if integer(tensor, 14) == _EXTERNAL or any(True for _ in messages(tensor, 13)):
        places = [text(entry, 2) for entry in messages(tensor, 13) if text(entry, 1) == "location"]
        raise _refused(
            name,
            f"its weights lie in another file ({', '.join(places)[:80] or 'not named'})",
            "Save it as one file: onnx.save_model(onnx.load(file), file, save_as_external_data=False).",
        )
    sizes = integers(tensor, 1)
    if len(sizes) > _MAX_AXES:
        raise _refused(name, f"it has weights of {len(sizes)} axes")
    size = math.prod(sizes)
    if size * _WIDTHS.get(integer(tensor, 2) or 0, 0) > limit:
        raise _refused(name, f"it declares {size} numbers that it does not hold")


def _refuse_domains(domains: list[str], name: str) -> None:
    for domain in domains:
        if domain not in _DOMAINS:
            raise _refused(
                name,
                f"it needs operators of '{domain[:80]}', which are programs outside the file",
                "Export the network again with ONNX's own operators only.",
            )


def _port(info: memoryview) -> Port:
    sizes: list[int | None] = []
    for kind in messages(info, 2):
        for tensor in messages(kind, 1):
            for shape in messages(tensor, 2):
                sizes = [integer(axis, 1) for axis in messages(shape, 1)]
    return Port(text(info, 1), tuple(sizes))


def _refused(name: str, why: str, cure: str = "Get the model as a plain ONNX file from its source.") -> ModelError:
    return ModelError(f"'{name}' is refused: {why}.", cure)
