"""The files of a bundle: where they lie, and their configurations as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....errors import DependencyError, ModelError
from ...json_text import MAX_NESTING, check_values, parse_json
from ..archive import SourceFiles, read_bytes
from .configuration import Configuration
from .refusal import damaged, refused

MAX_CONFIG_BYTES = 4 * 1024**2
MAX_VALUES = 200_000
# Its reader in Python takes about a second for this much; configurations have a few kB.
MAX_YAML_BYTES = 128 * 1024
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
        data = parse_json(text) if name.endswith(".json") else _yaml(text, name)
        check_values(data, MAX_VALUES)
    except ValueError as error:
        raise damaged(f"{name} is not readable", str(error)) from None
    if not isinstance(data, dict):
        raise damaged(f"{name} holds no named entries")
    return _with_text_keys(data)


def _yaml(text: bytes, name: str) -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise refused(f"{name} has {len(text) // 1024} kB of YAML", "Convert it to JSON, which is read faster.")
    try:
        import yaml
    except ImportError as error:
        raise DependencyError(
            f"{name} is written in YAML, and reading that needs PyYAML.", "Install it: pip install pyyaml", str(error)
        ) from error
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            # Aliases make a few lines stand for billions of values; bundles have references of their own instead.
            if isinstance(event, yaml.AliasEvent):
                raise refused(f"{name} has YAML aliases (&name, *name)", "Write the values out in full.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_NESTING:
                raise damaged(f"{name} is not readable: it is nested more than {MAX_NESTING} levels deep")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise damaged(f"{name} is not readable YAML, or asks for an object of Python", str(error)) from None


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
