"""Importing results of nnU-Net that a test has made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nnunet_files import Results

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    ModelCard,
    read_card,
)
from UNetSegmentLib.models.importing import import_model


def imported(results: Results, tmp_path: Path, **options: Any) -> ModelCard:
    """The card of the package that the results become."""
    folder = results.write(tmp_path / "source")
    (path,) = import_model(folder, tmp_path / "models", **options)
    return read_card(path)


def refused(results: Results, tmp_path: Path, words: str, **options: Any) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        imported(results, tmp_path, **options)
    assert caught.value.cure
    assert not list((tmp_path / "models").glob("*"))
