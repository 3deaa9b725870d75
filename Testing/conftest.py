"""Fixtures that every test folder shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from level_model import NAMES, save_level_model

TESTING = Path(__file__).parent

if "PYTEST_XDIST_WORKER" in os.environ:
    # Several test processes share the processor, and so do those that they start. torch is not imported yet.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW = (
    "Parity/test_nnunet_parity.py",
    "Slicer/test_slicer_runs.py",
    "Slicer/test_slicer_training.py",
    "Parity/test_monai_parity.py",
    "Core/cli/training/test_cli_train.py",
    "Core/training/loop/test_compilation.py",
    "Slicer/test_slicer_nnunet.py",
    "Slicer/test_slicer_rollback.py",
    "Slicer/test_slicer_import.py",
    "Core/training/processes/test_distributed.py",
    "Core/worker/refining/test_refining_killed.py",
    "Slicer/test_slicer_library.py",
    "Slicer/test_slicer_quick.py",
    "Slicer/test_slicer_training_choices.py",
    "Core/worker/running/test_training.py",
    "Core/inference/test_backends.py",
    "Core/compression/test_exporting.py",
    "Core/compression/test_export_command.py",
    "Core/project/test_gpu_check.py",
    "Core/compression/test_exporting_networks.py",
    "Slicer/test_slicer_colour.py",
    "Core/project/test_wheel.py",
    "Core/inference/test_memory.py",
    "Slicer/test_slicer_setup.py",
    "Core/cohort/test_cohort_ray.py",
    "Core/budget/test_short_of_memory.py",
    "Core/reporting/test_preview.py",
    "Core/training/recipes/test_recipes.py",
    "Core/importing/test_further_training.py",
    "SlicerHarness/tests/test_endurance.py",
    "Core/cli/segmenting/test_cli_demo.py",
    "Core/training/loop/test_pretrained.py",
    "Core/cli/segmenting/test_cli_segment.py",
    "Slicer/test_slicer_scene.py",
    "Core/worker/serving/test_process.py",
    "Slicer/test_slicer_correcting_section.py",
    "Core/refinement/test_cost.py",
    "Core/project/test_docs.py",
    "Core/training/loop/test_loop.py",
    "Core/worker/refining/test_refining_process.py",
    "Core/training/planning/test_planning.py",
    "Core/worker/running/test_real_model.py",
    "Core/compression/test_quantization.py",
    "Core/compression/test_finetuning.py",
    "Core/cli/compressing/test_cli_compress.py",
    "Slicer/test_slicer_layout.py",
    "Slicer/test_slicer_correcting_history.py",
    "Slicer/test_slicer_correcting_runs.py",
    "Core/library/test_download.py",
    "Core/training/scoring/test_bundled_model.py",
    "Slicer/test_slicer_correcting_faults.py",
    "Core/project/test_notebook.py",
    "Core/reporting/test_correction_picture.py",
    "Core/training/scoring/test_bundled_vessels.py",
    "Core/compression/test_pruning.py",
    "Core/cli/compressing/test_cli_prune.py",
    "Core/compression/test_pruning_channels.py",
    "Core/compression/test_pruning_exits.py",
)
"""Files that take five seconds or more, the slowest first."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: in a file that takes long; left out by make test-quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of slow files and puts these first, so that no test process is left with one at the end."""
    rank = {TESTING / name: number for number, name in enumerate(SLOW)}
    for item in items:
        if item.path in rank:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


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

    def make(dimension: int = 3, channels: int = 1, name: str = "levels", names: tuple[str, str] = NAMES) -> Path:
        return save_level_model(tmp_path_factory.mktemp("models") / name, dimension, channels, names)

    return make


@pytest.fixture(scope="session")
def level_package(make_level_package: Callable[..., Path]) -> Path:
    """The 3D, one-channel package of :func:`make_level_package`."""
    return make_level_package()
