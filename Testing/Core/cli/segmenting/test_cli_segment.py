from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, read_volume, write_volume
from UNetSegmentLib.volume import Volume

Run = Callable[..., Result]
RunJson = Callable[..., Any]


def test_segments_and_shows_a_table(run: Run, image: Path, level_package: Path, tmp_path: Path) -> None:
    result = run("segment", image, tmp_path / "out.seg.nrrd", "--model", level_package, "--device", "cpu")
    assert result.exit_code == 0, result.output
    found = read_segmentation(tmp_path / "out.seg.nrrd")
    np.testing.assert_array_equal(found.voxels, read_volume(image).voxels[0])
    assert found.geometry.is_close(read_volume(image).geometry)
    assert [label.name for label in found.labels] == ["first level", "second level"]
    # 1200 and 480 voxels of 3 mm^3.
    for text in ("first level", "3.60", "second level", "1.44", "out.seg.nrrd"):
        assert text in result.stdout


def test_a_plain_run_loads_nothing_that_it_does_not_need(image: Path, level_package: Path, tmp_path: Path) -> None:
    arguments = ["segment", str(image), str(tmp_path / "out.nii.gz"), "-m", str(level_package), "--device", "cpu"]
    code = (
        f"import sys\nsys.argv[1:] = {arguments}\nfrom UNetSegmentLib.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\nprint('loaded', *sys.modules)"
    )
    # What other tests have found quickest for this model is none of its business.
    own = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "local")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=own, capture_output=True, encoding="utf-8", timeout=300, check=True)
    loaded = set(done.stdout.partition("loaded ")[2].split())
    assert {"torch", "SimpleITK", "UNetSegmentLib.inference.engine"} <= loaded
    ours = ("io.dicom.series", "io.dicom_objects.reading.seg", "io.markups", "models.library.entries")
    ours += ("inference.backends.ir_check", "worker.client.client", "training", "compression", "cohort", "refinement")
    others = ("vtkmodules", "scipy", "skimage", "openvino", "onnxruntime", "pydicom", "highdicom", "PIL", "matplotlib")
    assert not loaded & {*others, *(f"UNetSegmentLib.{name}" for name in ours)}


def test_a_worker_process_gives_the_same(
    run: Run, run_json: RunJson, image: Path, level_package: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.nii.gz", tmp_path / "there.nii.gz"
    options = ("-m", level_package, "--device", "cpu", "--overlap", "0.3")
    settings = [run_json("segment", image, here, *options)["settings"]]
    settings.append(run_json("segment", image, there, *options, "--worker")["settings"])
    assert settings[0] == settings[1] and settings[0]["overlap"] == 0.3
    np.testing.assert_array_equal(read_segmentation(here).voxels, read_segmentation(there).voxels)
    refused = run("segment", image, tmp_path / "x.nii.gz", "-m", "no-such-model", "--worker")
    assert refused.exit_code == 4 and "no-such-model" in refused.stderr


def test_json_and_every_extra(run_json: RunJson, image: Path, level_package: Path, tmp_path: Path) -> None:
    extras = {
        "--probabilities": tmp_path / "p.nii.gz",
        "--uncertainty": tmp_path / "u.nrrd",
        "--table": tmp_path / "t.csv",
    }
    options = [part for pair in extras.items() for part in pair]
    target = tmp_path / "out.nii.gz"
    answer = run_json("segment", image, target, "-m", level_package, "--device", "cpu", *options)
    assert [Path(f) for f in answer["files"]] == [target, tmp_path / "out.json", *extras.values()]
    assert [(s["name"], s["voxels"]) for s in answer["segments"]] == [("first level", 1200), ("second level", 480)]
    assert answer["settings"]["model"] == "levels" and answer["settings"]["preset"] == "balanced"
    probabilities = read_volume(tmp_path / "p.nii.gz")
    assert probabilities.channels == 3
    np.testing.assert_allclose(probabilities.voxels.sum(axis=0), 1, atol=1e-4)
    assert read_volume(tmp_path / "u.nrrd").voxels.max() > 0
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines[0].startswith("value,name,voxels,volume_ml") and len(lines) == 3
    # Labels in NIfTI have their table beside them.
    assert json.loads((tmp_path / "out.json").read_text())["labels"][0]["name"] == "first level"


def test_preview_and_surfaces(run: Run, image: Path, level_package: Path, tmp_path: Path) -> None:
    pytest.importorskip("vtk")
    preview, surfaces = tmp_path / "p.png", tmp_path / "meshes"
    options = ("--preview", preview, "--surfaces", surfaces, "--device", "cpu")
    result = run("segment", image, tmp_path / "out.seg.nrrd", "-m", level_package, *options)
    assert result.exit_code == 0, result.output
    assert preview.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in surfaces.iterdir()) == ["1-first-level.stl", "2-second-level.stl"]


def test_region(run_json: RunJson, image: Path, level_package: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.seg.nrrd"
    region = "voxels:0,30,0,24,0,13"
    answer = run_json("segment", image, target, "-m", level_package, "--roi", region, "--device", "cpu")
    assert [s["voxels"] for s in answer["segments"]] == [1200, 0]


def test_negative_region_is_no_option(run: Run, image: Path, level_package: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.seg.nrrd"
    result = run("segment", image, target, "-m", level_package, "--roi", "-400,-300,-9,9,-9,9", "--device", "cpu")
    assert result.exit_code == 3 and "outside the image" in result.stderr
    assert not target.exists()


def test_knobs_reach_the_engine(run_json: RunJson, image: Path, level_package: Path, tmp_path: Path) -> None:
    knobs = ("--overlap", "0.5", "--device", "cpu", "--preset", "exact")
    answer = run_json("segment", image, tmp_path / "o.seg.nrrd", "-m", level_package, *knobs)
    assert answer["settings"]["overlap"] == 0.5
    assert answer["settings"]["precision"] == "float32"


def test_the_backend_is_chosen_by_name(
    run: Run, run_json: RunJson, image: Path, level_package: Path, tmp_path: Path
) -> None:
    options = ("-m", level_package, "--device", "cpu", "--backend")
    assert run_json("segment", image, tmp_path / "o.nii.gz", *options, "torch")["settings"]["backend"] == "torch"
    refused = run("segment", image, tmp_path / "o.nii.gz", *options, "abacus")
    assert refused.exit_code == 3 and "abacus" in refused.stderr


def test_channels(run_json: RunJson, image: Path, make_level_package: Callable[..., Path], tmp_path: Path) -> None:
    package = make_level_package(channels=2, name="two")
    answer = run_json("segment", image, tmp_path / "o.seg.nrrd", "-m", package, "--channel", image, "--device", "cpu")
    assert [s["voxels"] for s in answer["segments"]] == [1200, 480]


def test_2d_model_on_a_picture(run_json: RunJson, make_level_package: Callable[..., Path], tmp_path: Path) -> None:
    voxels = np.zeros((1, 1, 20, 30), np.float32)
    voxels[0, 0, 5:10, 5:15] = 2
    write_volume(Volume(voxels, Geometry((30, 20, 1))), tmp_path / "slice.nrrd")
    package = make_level_package(dimension=2, name="flat")
    answer = run_json("segment", tmp_path / "slice.nrrd", tmp_path / "o.png", "-m", package, "--device", "cpu")
    assert [s["pixels"] for s in answer["segments"]] == [0, 50]


def test_dicom_folder(run: Run, level_package: Path, shared_data: Path, tmp_path: Path) -> None:
    target = tmp_path / "o.seg.nrrd"
    options = ("--roi", "voxels:200,240,200,240,0,20", "--device", "cpu")
    result = run("segment", shared_data / "ct" / "dicom_series", target, "-m", level_package, *options)
    assert result.exit_code == 0, result.output
    assert read_segmentation(target).voxels.shape == (20, 512, 512)


def test_error_is_cause_and_cure_without_a_traceback(run: Run, level_package: Path, tmp_path: Path) -> None:
    result = run("segment", tmp_path / "none.nii", tmp_path / "o.seg.nrrd", "-m", level_package)
    assert result.exit_code == 3
    assert "none.nii' does not exist" in result.stderr.replace("\n", "")
    assert "Check the path" in result.stderr and "Traceback" not in result.output


def test_debug_shows_the_traceback(run: Run, level_package: Path, tmp_path: Path) -> None:
    result = run("segment", tmp_path / "none.nii", tmp_path / "o.seg.nrrd", "-m", level_package, "--debug")
    assert result.exit_code == 3 and "Traceback" in result.stderr


def test_error_as_json(run: Run, level_package: Path, tmp_path: Path) -> None:
    result = run("segment", tmp_path / "none.nii", tmp_path / "o.seg.nrrd", "-m", level_package, "--json")
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == 3 and error["code"] == "bad-input" and error["cause"] and error["cure"]


def test_wrong_usage(run: Run) -> None:
    assert run("segment", "a.nii").exit_code == 2


def test_unknown_model_names_those_there_are(run: Run, image: Path, tmp_path: Path) -> None:
    result = run("segment", image, tmp_path / "o.seg.nrrd", "-m", "hipocampus")
    assert result.exit_code == 4 and "no model called 'hipocampus'" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
def test_interrupt_leaves_no_half_written_file(level_package: Path, tmp_path: Path) -> None:
    """A long run in a process of its own, interrupted as by Ctrl-C."""
    voxels = np.random.default_rng(0).random((1, 120, 256, 256), dtype=np.float32)
    write_volume(Volume(voxels, Geometry((256, 256, 120))), tmp_path / "big.mha")
    target = tmp_path / "out.seg.nrrd"
    target.write_text("old")
    command = [sys.executable, "-m", "UNetSegmentLib.cli", "segment", str(tmp_path / "big.mha"), str(target)]
    process = subprocess.Popen(
        [*command, "--model", str(level_package), "--overlap", "0.7", "--device", "cpu", "--debug", "--force"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        encoding="utf-8",
        cwd=Path(__file__).parents[4],
    )
    try:
        assert process.stderr is not None
        # From then on it is at the image, for far longer than the second that follows.
        told = next((line for line in process.stderr if "loaded" in line), "")
        assert told, "the run ended before it could be interrupted"
        time.sleep(1)
        assert process.poll() is None, "the run was over before it could be interrupted"
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=300)[1]
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert "cancelled" in stderr
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.mha", "out.seg.nrrd"]
