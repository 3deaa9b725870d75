"""The models of nnU-Net and their comparisons, made once per test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def compared(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple]:
    """name -> (the original, its comparisons)."""
    pytest.importorskip("nnunetv2", reason="nnU-Net, to compare with, is not installed")
    from nnunet_comparison import compare
    from nnunet_models import make

    root = tmp_path_factory.mktemp("nnunet")
    done: dict[str, tuple] = {}

    def get(name: str) -> tuple:
        if name not in done:
            original = make(name, root, shared_data)
            done[name] = original, compare(name, original, root / name)
        return done[name]

    return get
