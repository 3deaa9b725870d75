"""A TorchScript file as a source of an import: never run or loaded before the user's word."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath

from ...errors import ModelError
from ..json_text import parse_json
from ..trust import ask_for_trust
from .archive import SourceFiles
from .contract import MAX_BYTES, Contract, card_of, missing, read_contract, template
from .imported import Imported, ImportOptions
from .programs import check_run, given_contract, plain_stem, program_in

_SUFFIXES = (".ts", ".pt", ".pth", ".jit", ".torchscript")
EMBEDDED = "metadata.json"


def matches(files: SourceFiles) -> bool:
    """Whether there is one TorchScript file: a zip with code in it, where a checkpoint has none."""
    name = program_in(files, _SUFFIXES)
    return name is not None and _is_script(files, name)


def read(files: SourceFiles, options: ImportOptions) -> Sequence[Imported]:
    """The program with its contract.

    Raises:
        ModelError: it is not trusted; or it has no contract (the message holds a template); or it does not keep it.
        InputError: the contract file cannot be read.
    """
    name = program_in(files, _SUFFIXES)
    assert name is not None
    plain = PurePosixPath(name).name
    ask_for_trust(plain, options.trust)
    found = given_contract(files, name, options) or _embedded(files, name)
    if found is None:
        raise missing(plain, template(plain_stem(name)))
    contract, where = found
    card = card_of(contract, "torchscript", where)
    program = files.local(name)
    check_run(program, card)
    return [Imported(card, [program])]


def _is_script(files: SourceFiles, name: str) -> bool:
    try:
        with files.open(name) as file, zipfile.ZipFile(file) as archive:
            members = {member.partition("/")[2] for member in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return "constants.pkl" in members and any(member.startswith("code/") for member in members)


def _embedded(files: SourceFiles, name: str) -> tuple[Contract, str] | None:
    """The contract among the script's extra files, read out of the zip: the program itself is not touched."""
    try:
        with files.open(name) as file, zipfile.ZipFile(file) as archive:
            member = next((m for m in archive.infolist() if m.filename.endswith(f"/extra/{EMBEDDED}")), None)
            if member is None or member.file_size > MAX_BYTES:
                return None
            content = archive.read(member)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"'{name}' cannot be read.", "Get it again from its source.", str(error)) from error
    try:
        data = parse_json(content)
    except ValueError:
        return None
    if not isinstance(data, dict) or "network_data_format" in data or "patch" not in data:
        return None  # MONAI writes a file of this name with a description of its own, which is not enough
    return read_contract(content, f"{EMBEDDED} inside {PurePosixPath(name).name}"), EMBEDDED
