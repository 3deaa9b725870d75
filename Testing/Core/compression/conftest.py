"""A network whose answer is known, and cases for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from level_cases import write_cases
from level_model import save_level_model


@pytest.fixture(scope="session")
def level_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six cases whose label maps are the rounded intensities."""
    folder = tmp_path_factory.mktemp("cases")
    write_cases(folder, 6)
    return folder


@pytest.fixture(scope="session")
def level_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_level_model(tmp_path_factory.mktemp("models") / "levels")
