"""An ONNX file as a source of an import: looked into, but never run before the user's word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ...errors import ModelError
from ..trust import ask_for_trust
from .archive import SourceFiles, read_bytes
from .contract import Contract, card_of, missing, read_contract, template
from .imported import Imported, ImportOptions
from .onnx_file import MAX_BYTES, OnnxFile, Port, inspect
from .programs import check_run, given_contract, plain_stem, program_in

_SUFFIXES = (".onnx",)
PROPERTY = "contract"
"""The metadata property that holds a contract."""


def matches(files: SourceFiles) -> bool:
    """Whether there is one ONNX file."""
    return program_in(files, _SUFFIXES) is not None


def read(files: SourceFiles, options: ImportOptions) -> Sequence[Imported]:
    """The program with its contract.

    Raises:
        ModelError: it is not trusted, damaged, or refused (see :func:`~.onnx_file.inspect`); or it has no contract (the
            message holds a template); or it does not keep it.
        InputError: the contract file cannot be read.
        DependencyError: no runtime for it is installed.
    """
    name = program_in(files, _SUFFIXES)
    assert name is not None
    plain = PurePosixPath(name).name
    file = inspect(read_bytes(files, name, MAX_BYTES), plain)
    ask_for_trust(plain, options.trust)
    image, result = _ports(file, plain)
    found = given_contract(files, name, options) or _embedded(file, plain)
    if found is None:
        patch = tuple(size or 96 for size in image.shape[2:])
        channels, outputs = image.shape[1] or 1, (*result.shape, None, None)[1] or 2
        raise missing(plain, template(plain_stem(name), channels, outputs, patch))
    contract, where = found
    _check(contract, image, result, plain)
    fixed = any(size is not None for size in image.shape[2:])
    card = card_of(contract, "onnx", where, fixed)
    program = files.local(name)
    check_run(program, card)
    return [Imported(card, [program])]


def _ports(file: OnnxFile, name: str) -> tuple[Port, Port]:
    """The image and the logits."""
    if len(file.inputs) != 1 or not file.outputs or len(file.inputs[0].shape) not in (4, 5):
        words = "; ".join(f"{port.name} {list(port.shape)}" for port in file.inputs)
        raise ModelError(
            f"'{name}' takes {len(file.inputs)} inputs ({words}); a network for images takes one, of the shape "
            "(batch, channels, y, x) or (batch, channels, z, y, x).",
            "Export the network with one image input.",
        )
    return file.inputs[0], file.outputs[0]


def _embedded(file: OnnxFile, name: str) -> tuple[Contract, str] | None:
    text = file.properties.get(PROPERTY)
    return (read_contract(text, f"{PROPERTY} inside {name}"), PROPERTY) if text else None


def _check(contract: Contract, image: Port, result: Port, name: str) -> None:
    """What the file says of its sizes must be what the contract says."""
    wanted = (None, len(contract.inputs), *contract.patch)
    given = (None, contract.out_channels, *contract.patch)
    for port, expected in ((image, wanted), (result, given)):
        if not port.shape:
            continue  # an output may be of unknown rank; the test run tells
        same = len(port.shape) == len(expected)
        if not same or any(a is not None and e not in (None, a) for a, e in zip(port.shape, expected, strict=True)):
            raise ModelError(
                f"The contract of '{name}' asks for {_words(expected)} (batch, channels, patch) at '{port.name}'; the "
                f"file has {_words(port.shape)}.",
                "Correct the contract's inputs, labels, activation or patch.",
            )


def _words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape)
