"""The user's word for the programs of a whole package."""

from __future__ import annotations

from pathlib import Path

from ..networks.config import OpaqueNetwork
from .package import load_model
from .trust import trust_program


def trust_package(folder: Path, file: Path | None = None) -> None:
    """Adds the programs of a package, those of its companions too; does nothing for a package without.

    Raises:
        ModelError: the package is not intact.
        OutputError: the list cannot be written.
    """
    pending = [load_model(folder)]
    while pending:
        model = pending.pop()
        pending += [*model.parts, *([model.previous] if model.previous else [])]
        if isinstance(model.card.network, OpaqueNetwork):
            for name in model.card.weights:
                trust_program(model.card.digests[name], model.card.name, file)
