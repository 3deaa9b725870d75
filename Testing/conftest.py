"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from level_model import save_level_model


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real images beside the checkout (``../shared/data``). Absent: skipped, but an error on the CI machine."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        reason = f"the real images are not at {folder}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def make_level_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Saves packages of :func:`level_model.save_level_model`."""

    def make(dimension: int = 3, channels: int = 1, name: str = "levels") -> Path:
        return save_level_model(tmp_path_factory.mktemp("models") / name, dimension, channels)

    return make


@pytest.fixture(scope="session")
def level_package(make_level_package: Callable[..., Path]) -> Path:
    """The 3D, one-channel package of :func:`make_level_package`."""
    return make_level_package()
