"""The files of a bundle: where they lie, and their configurations as plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ....errors import DependencyError, ModelError
from ..archive import SourceFiles, read_bytes
from .configuration import Configuration
from .refusal import damaged, refused

MAX_CONFIG_BYTES = 4 * 1024**2
MAX_VALUES = 200_000
MAX_NESTING = 100
_METADATA = "configs/metadata.json"
_INFERENCE = ("configs/inference.json", "configs/inference.yaml", "configs/inference.yml")


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle's files, from its own top folder, and its two configurations."""

    files: SourceFiles
    name: str
    metadata: dict[str, Any]
    configuration: Configuration


def bundle_folders(files: SourceFiles) -> list[str]:
    """The folders that hold a bundle (``configs/metadata.json``), the top one as an empty name."""
    names = [name for name in files.names() if name == _METADATA or name.endswith(f"/{_METADATA}")]
    return [name.removesuffix(_METADATA).removesuffix("/") for name in names]


def open_bundle(files: SourceFiles) -> Bundle:
    """The bundle of a source.

    Raises:
        ModelError: it lacks a file, or holds several bundles, or a configuration that is not readable or hostile.
        DependencyError: its configuration is YAML, and PyYAML is not installed.
    """
    folders = bundle_folders(files)
    if not folders:
        raise damaged(f"there is no {_METADATA}")
    if len(folders) > 1:
        raise ModelError(
            f"'{files.path.name}' holds {len(folders)} MONAI bundles ({', '.join(folders[:4])}...).",
            "Choose the folder of the one that is to be imported.",
        )
    inner = files.below(folders[0]) if folders[0] else files
    name = folders[0].rpartition("/")[2] or files.path.stem
    found = [candidate for candidate in _INFERENCE if inner.has(candidate)]
    if not found:
        raise ModelError(
            f"The MONAI bundle '{name}' has no configs/inference.json (or .yaml), which says how its network is run.",
            "Ask its author for the inference configuration; a training configuration alone is not enough.",
        )
    return Bundle(inner, name, _read(inner, _METADATA), Configuration(_read(inner, found[0])))


def _read(files: SourceFiles, name: str) -> dict[str, Any]:
    text = read_bytes(files, name, MAX_CONFIG_BYTES)
    try:
        data = json.loads(text) if name.endswith(".json") else _yaml(text, name)
        _check_extent(data)
    except (ValueError, RecursionError) as error:
        raise damaged(f"{name} is not readable", str(error)) from None
    if not isinstance(data, dict):
        raise damaged(f"{name} holds no named entries")
    return _with_text_keys(data)


def _yaml(text: bytes, name: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise DependencyError(
            f"{name} is written in YAML, and reading that needs PyYAML.", "Install it: pip install pyyaml", str(error)
        ) from error
    try:
        # Aliases make a few lines stand for billions of values; bundles have references of their own instead.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise refused(f"{name} has YAML aliases (&name, *name)", "Write the values out in full.")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise damaged(f"{name} is not readable YAML, or asks for an object of Python", str(error)) from None


def _check_extent(data: Any) -> None:
    """Refuses what is nested or repeated far beyond any real configuration."""
    todo, count = [(data, 0)], 0
    while todo:
        value, depth = todo.pop()
        count += 1
        if depth > MAX_NESTING or count > MAX_VALUES:
            raise ValueError("far too many values, or nested far too deep")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        todo += [(item, depth + 1) for item in inner]


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
