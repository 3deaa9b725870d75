"""What no recipe may be used on, found before any work is done."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import DependencyError, ModelError, OutputError
from ..inference.backends.installed import version_of
from ..io.atomic import check_writable
from ..models.card import ModelCard
from ..models.files import CARD
from ..networks.config import OpaqueNetwork

_NO_DERIVATIVES = re.compile(
    r"(?<![a-z])BY([-_ ]NC)?[-_ ]ND(?![a-z])|\bNo[- ]?Deriv"
    r"|\b(no|without|prohibit\w*|forbid\w*)\s+(derivatives?|derived|modifications?)\b"
    r"|\bmay not be (modified|altered|changed)\b",
    re.IGNORECASE,
)


def check_licence(card: ModelCard, what: str = "a smaller form of a model") -> None:
    """Refuses a model that may not be changed.

    Args:
        what: what is wanted, in words.

    Raises:
        ModelError: its licence forbids derivatives.
    """
    if _NO_DERIVATIVES.search(card.licence):
        raise ModelError(
            f"The licence of '{card.name}' ({card.licence[:200]}) forbids derivatives, and {what} is one.",
            "Ask its author, or use the model as it is.",
        )


def check_own_network(card: ModelCard, what: str) -> None:
    """Refuses a model whose networks are not ours to look into, or several that work together.

    Args:
        what: what is wanted, in words: ``made INT8``.

    Raises:
        ModelError: it is a program of its own (TorchScript, ONNX), or has companions.
    """
    if isinstance(card.network, OpaqueNetwork):
        kind = {"onnx": "an ONNX file", "torchscript": "a TorchScript file"}.get(card.network.architecture, "a program")
        raise ModelError(
            f"The network of '{card.name}' is {kind}, a program whose layers are not ours: it cannot be {what}.",
            "Use the model that it was made from: import its checkpoint (nnU-Net, MONAI) or train it here.",
        )
    if card.companions:
        raise ModelError(
            f"'{card.name}' is several models that work together ({', '.join(c.folder for c in card.companions)}); "
            f"it cannot be {what} as a whole.",
            "Compress the folders inside the package one by one.",
        )


def check_packages(what: str, *packages: str, extra: str = "compress") -> None:
    """Refuses where an optional package is missing.

    Args:
        what: what needs them, in words, as the beginning of a sentence.
        extra: of our own package, which brings them.

    Raises:
        DependencyError: one is.
    """
    missing = [package for package in packages if version_of(package) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise DependencyError(
            f"{what} needs {' and '.join(packages)}; {' and '.join(missing)} {are} not installed.",
            f"Install with: pip install 'unetsegment[{extra}]' (or pip install {' '.join(missing)}).",
        )


def check_output(output: Path, source: Path | None, force: bool = False) -> None:
    """Refuses a place where the new package could not be written, before the work is done.

    Args:
        source: the folder of the model that it is made of; None where it has none.
        force: whether an older package may be replaced.

    Raises:
        OutputError: it is the source itself or lies within it, is taken, or cannot be written.
    """
    resolved = output.resolve()
    if source is not None and (resolved == source.resolve() or source.resolve() in resolved.parents):
        raise OutputError(
            f"'{output}' is the model that is to be compressed, or lies within it.", "Choose another folder."
        )
    if output.is_file():
        raise OutputError(f"'{output}' is a file.", "Choose another name for the package's folder.")
    if output.is_dir() and any(output.iterdir()):
        if not (output / CARD).exists():
            raise OutputError(f"The folder '{output}' holds something that is no model.", "Choose a new folder.")
        if not force:
            raise OutputError(f"'{output}' holds a model already.", "Choose a new folder, or replace it with --force.")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"The folder '{output.absolute().parent}' does not exist.", "Create it, or choose another.")
    check_writable(output.absolute().parent / f".{output.name}.probe")
