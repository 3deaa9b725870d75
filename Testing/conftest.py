"""Fixtures that every test folder shares."""

from __future__ import annotations

import contextlib
import locale
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from level_model import NAMES, save_level_model

TESTING = Path(__file__).parent
_LOCALE = locale.setlocale(locale.LC_ALL)

if "PYTEST_XDIST_WORKER" in os.environ:
    # Several test processes share the processor, and so do those that they start. torch is not imported yet.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW = (
    "Parity/test_nnunet_parity.py",
    "Slicer/test_slicer_runs.py",
    "Slicer/test_slicer_dicom_saving.py",
    "Slicer/test_slicer_far.py",
    "Slicer/test_slicer_far_correcting.py",
    "Slicer/test_slicer_training.py",
    "Parity/test_monai_parity.py",
    "Core/cli/training/test_cli_train.py",
    "Core/training/loop/test_compilation.py",
    "Slicer/test_slicer_nnunet.py",
    "Slicer/test_slicer_rollback.py",
    "Slicer/test_slicer_import.py",
    "Core/training/processes/test_distributed.py",
    "Core/worker/refining/test_refining_killed.py",
    "Core/worker/far/test_far_faults.py",
    "Core/worker/far/test_far_commands.py",
    "Core/worker/far/test_far_segmenting.py",
    "Core/worker/far/test_far_refining.py",
    "Slicer/test_slicer_downloads.py",
    "Slicer/test_slicer_library.py",
    "Slicer/test_slicer_quick.py",
    "Slicer/test_slicer_training_choices.py",
    "Core/worker/running/test_training.py",
    "Core/worker/running/test_compressing.py",
    "Core/inference/test_backends.py",
    "Core/inference/test_compiled_networks.py",
    "Core/compression/test_exporting.py",
    "Core/compression/test_export_command.py",
    "Core/project/test_gpu_check.py",
    "Core/compression/test_exporting_networks.py",
    "Slicer/test_slicer_colour.py",
    "Core/project/test_wheel.py",
    "Core/inference/test_memory.py",
    "Slicer/test_slicer_setup.py",
    "Core/cohort/test_cohort_killed.py",
    "Core/cohort/test_cohort_browser.py",
    "Core/cohort/test_cohort_ray.py",
    "Core/cli/cohorts/test_cli_many_machines.py",
    "Core/pacs/test_pacs_orthanc.py",
    "Core/pacs/test_pacs_cohort.py",
    "Core/inference/test_eight_bits.py",
    "Core/cli/segmenting/test_cli_dicom.py",
    "Core/cli/cohorts/test_cli_batch_dicom.py",
    "Core/io/dicom_objects/test_seg_sources.py",
    "Core/io/dicom_objects/test_object_limits.py",
    "Core/reporting/test_report_page.py",
    "Core/budget/test_short_of_memory.py",
    "Core/reporting/test_preview.py",
    "Core/training/recipes/test_recipes.py",
    "Core/importing/test_further_training.py",
    "SlicerHarness/tests/test_endurance.py",
    "Core/cli/segmenting/test_cli_demo.py",
    "Core/training/loop/test_pretrained.py",
    "Core/cli/segmenting/test_cli_segment.py",
    "Slicer/test_slicer_scene.py",
    "Core/worker/serving/test_process_ends.py",
    "Core/worker/serving/test_process.py",
    "Slicer/test_slicer_correcting_section.py",
    "Core/refinement/test_cost.py",
    "Core/project/test_docs.py",
    "Core/training/loop/test_loop.py",
    "Core/worker/refining/test_refining_process.py",
    "Core/training/planning/test_planning.py",
    "Core/worker/running/test_real_model.py",
    "Core/compression/test_quantization.py",
    "Core/compression/test_distillation.py",
    "Core/training/teaching/test_teaching.py",
    "Core/cli/compressing/test_cli_distill.py",
    "Core/compression/test_rounding_finetuning.py",
    "Core/cli/compressing/test_cli_compress.py",
    "Slicer/test_slicer_layout.py",
    "Slicer/test_slicer_keyboard.py",
    "Slicer/test_slicer_correcting_history.py",
    "Slicer/test_slicer_correcting_runs.py",
    "Core/library/test_download_troubles.py",
    "Core/library/test_download.py",
    "Core/training/scoring/test_bundled_model.py",
    "Slicer/test_slicer_correcting_faults.py",
    "Core/project/test_notebook.py",
    "Core/reporting/test_correction_picture.py",
    "Core/training/scoring/test_bundled_vessels.py",
    "Core/compression/test_benchmark.py",
    "Core/bad_input/test_bad_inputs.py",
    "Core/cli/benchmarking/test_cli_benchmark.py",
    "SlicerHarness/tests/test_facts_editor.py",
    "SlicerHarness/tests/test_facts_editor_events.py",
    "Slicer/test_slicer_correcting_doubts.py",
    "Core/worker/running/test_engine.py",
    "Core/compression/test_pruning.py",
    "Core/cli/compressing/test_cli_prune.py",
    "Core/compression/test_pruning_channels.py",
    "Core/compression/test_pruning_exits.py",
)
"""Files that take four seconds or more, the slowest first."""


SLOW_TESTS = (
    "Core/models/test_hostile_packages.py::test_cards_that_ask_for_too_much[100,000 labels]",
    "Slicer/test_slicer_correcting.py::PlacesTest::test_everything_lands_where_it_was_drawn",
    "Core/cli/training/test_cli_cross_validate.py::test_from_a_folder_to_a_table_and_an_ensemble",
    "Core/worker/refining/test_refining_client.py::"
    "test_whenever_workers_die_the_masks_are_those_of_an_undisturbed_session",
    "Core/cli/segmenting/test_cli_outputs.py::test_hostile_label_names_do_no_harm",
    "Core/cli/segmenting/test_cli_colour.py::test_the_size_of_a_print_is_not_the_size_of_an_eye",
    "Slicer/test_slicer_module.py::ModuleTest::test_closing_leaves_no_process_behind",
    "Slicer/test_slicer_results.py::ResultsTest::test_completed_and_hidden_segments_are_left_alone",
    "Core/cli/segmenting/test_cli_attention.py::test_a_picture_and_a_volume_for_each_gate",
    "Core/training/report/test_case_choice.py::test_vessels_are_judged_inside_the_field_of_view_alone",
    "Core/reporting/test_slice_preview.py::test_the_file_holds_one_large_plane_and_the_image_alone",
    "Core/training/augmentation/test_gallery.py::test_the_command",
    "Core/io/test_markups.py::test_too_many_points_are_refused_and_a_long_stroke_is_not",
    "SlicerHarness/tests/test_facts_pythonqt.py::test_unreferenced_process_is_killed",
    "Core/training/test_cross_validation.py::test_what_is_finished_is_not_done_again",
    "Core/library/test_install.py::test_cancelled_while_downloading_and_while_importing",
    "Core/worker/exchange/test_folders.py::"
    "test_a_living_clients_folder_stays_and_goes_with_the_next_one_after_its_death",
    "Core/training/loop/test_clock.py::test_a_training_ends_in_time_with_all_that_belongs_to_it",
    "Core/training/planning/test_threads.py::test_measured_here",
)
"""Tests of a second or more in files that are quick otherwise."""


with contextlib.suppress(ImportError):
    from hypothesis import HealthCheck, settings

    # A busy machine may halt for longer than an example, or what is drawn for it, may take.
    settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: in a file that takes long; left out by make test-quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks slow tests; puts those of slow files first, so that no test process is left with one at the end."""
    rank = {TESTING / name: number for number, name in enumerate(SLOW)}
    for item in items:
        if item.path in rank or _name(item).startswith(SLOW_TESTS):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def _name(item: pytest.Item) -> str:
    """File within Testing, class and function, as in :data:`SLOW_TESTS`."""
    file = item.path.relative_to(TESTING).as_posix() if item.path.is_relative_to(TESTING) else item.path.as_posix()
    return f"{file}::{item.nodeid.partition('::')[2]}"


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


@pytest.fixture(autouse=True)
def _same_locale() -> Iterator[None]:
    """GDCM, by which some tests write DICOM files, leaves the locale C behind, and text of the next one is ASCII."""
    yield
    if locale.setlocale(locale.LC_ALL) != _LOCALE:
        locale.setlocale(locale.LC_ALL, _LOCALE)


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
