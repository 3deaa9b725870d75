"""What TorchScript and ONNX files have in common as sources of an import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ...errors import InputError, ModelError
from ...io.plain_files import open_plain
from ..card import ModelCard
from .archive import SingleFile, SourceFiles, read_bytes
from .contract import FILE, MAX_BYTES, Contract, read_contract
from .imported import ImportOptions


def program_in(files: SourceFiles, suffixes: Sequence[str]) -> str | None:
    """The one file of these endings; None where there is none or several, or where it lies deep inside something else.

    Such a file is a model by itself only alone, or beside a contract and texts.
    """
    names = [name for name in files.names() if PurePosixPath(name).suffix.lower() in suffixes]
    return names[0] if len(names) == 1 and names[0].count("/") <= 1 else None


def given_contract(files: SourceFiles, program: str, options: ImportOptions) -> tuple[Contract, str] | None:
    """The contract that the user names, or that lies beside the program, and what to call it; None without either.

    Raises:
        InputError: the user's file cannot be read.
        ModelError: it is not a contract.
    """
    if options.contract is not None:
        return read_contract(_users(options.contract), options.contract.name), options.contract.name
    beside = str(PurePosixPath(program).with_name(FILE))
    if files.has(beside):
        return read_contract(read_bytes(files, beside, MAX_BYTES), FILE), FILE
    # A program that was given by itself: the source is that file alone, but its folder may hold the contract.
    near = files.path.with_name(FILE)
    if isinstance(files, SingleFile) and near.is_file():
        return read_contract(_users(near), FILE), FILE
    return None


def plain_stem(program: str) -> str:
    """A model's name made of a file's."""
    from .conversion import plain_name

    return plain_name(PurePosixPath(program).stem)


def check_run(program: Path, card: ModelCard) -> None:
    """Runs a trusted program once on an empty patch, so that a wrong contract is noticed now and not at the first case.

    Raises:
        ModelError: it fails, or gives something else than the contract promises.
        DependencyError: its runtime is not installed.
    """
    import torch

    from ...networks.config import OpaqueNetwork
    from ..opaque import MAX_BYTES as MOST
    from ..opaque import open_program

    config = card.network
    assert isinstance(config, OpaqueNetwork)
    if program.stat().st_size > MOST:
        raise ModelError(f"The program '{program.name}' is far too large for what it is.", "Get it again.")
    network = open_program(program.read_bytes(), config, card.name)
    patch = card.inference.patch[3 - config.dimension :]
    with torch.inference_mode():
        network(torch.zeros(1, config.in_channels, *patch))


def _users(path: Path) -> bytes:
    with open_plain(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InputError(f"The contract '{path}' is far too large.", "Give a JSON file of a few kB.")
    return content
