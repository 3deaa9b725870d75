"""nnU-Net v2 results: folders as ``Trainer__Plans__configuration`` with ``plans.json``, ``dataset.json`` and folds.

The plans, the labels, the network and its weights are translated to our own terms; nothing of nnU-Net is needed. The
format is that of nnU-Net 2.8 (https://github.com/MIC-DKFZ/nnUNet, Apache-2.0) and the older ones of version 2.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..archive import SourceFiles
from ..imported import Imported, ImportOptions
from .results import find_results


def matches(files: SourceFiles) -> bool:
    """Whether there is a results folder anywhere in the source."""
    return bool(find_results(files))


def read(files: SourceFiles, options: ImportOptions) -> Sequence[Imported]:
    """Every configuration of the source, or the one that is asked for.

    Raises:
        ModelError: what cannot be read or run faithfully, by its name.
    """
    from .model import read_models

    return read_models(files, options)
