"""What kind of model a source is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from ...errors import ModelError
from .archive import SourceFiles, open_source
from .near_misses import near_miss

IMPORTERS = ("package", "nnunet", "monai", "torchscript", "onnx")
"""Modules of this package in the order in which they are asked. Each has ``matches(files) -> bool`` and
``read(files, options) -> Sequence[Imported]`` and imports no torch at its top."""

_LOOKED_FOR = (
    "Looked for: a package of UNetSegment (model.json), nnU-Net results (plans.json, dataset.json and fold folders "
    "with checkpoints), a MONAI bundle (configs/metadata.json), a TorchScript file (.ts, .pt) or an ONNX file (.onnx). "
    "Choose the folder or .zip that holds one of these."
)


def recognise(source: Path) -> str:
    """The kind of the model at ``source``: ``package``, ``nnunet``, ``monai``, ``torchscript`` or ``onnx``.

    Raises:
        ModelError: none of these, saying what was looked for; or an archive that is damaged or unsafe.
    """
    with open_source(Path(source)) as files:
        return recognise_files(files)


def recognise_files(files: SourceFiles) -> str:
    """:func:`recognise` for files that are open already."""
    for kind in IMPORTERS:
        if importer(kind).matches(files):
            return kind
    nested = [name for name in files.names() if name.lower().endswith(".zip")]
    if nested:
        raise ModelError(
            f"'{files.path.name}' holds no model but other archives ({', '.join(nested[:3])}).",
            "Unpack it first, then import each of the archives inside.",
        )
    mistaken = near_miss(files)
    if mistaken is not None:
        raise mistaken
    raise ModelError(f"No model that UNetSegment can read was found in '{files.path.name}'.", _LOOKED_FOR)


def importer(kind: str) -> ModuleType:
    """The module that reads a kind of model."""
    return import_module(f".{kind}", __package__)
