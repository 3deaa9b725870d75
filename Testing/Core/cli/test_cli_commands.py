from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_volume, write_segmentation, write_volume
from UNetSegmentLib.labels import Label
from UNetSegmentLib.version import __version__
from UNetSegmentLib.volume import Segmentation, Volume

Run = Callable[..., Result]
RunJson = Callable[..., Any]

GRID = Geometry((12, 12, 12))


def _block(path: Path, low: int, high: int) -> Path:
    voxels = np.zeros(GRID.shape, np.uint8)
    voxels[low:high, 2:8, 2:8] = 1
    write_segmentation(Segmentation(voxels, GRID, (Label(1, "block"),)), path)
    return path


def _data_set(folder: Path, names: str, folds: list[list[str]]) -> None:
    """Images of three intensities, and their labels, in blocks of 4 voxels."""
    rng, grid = np.random.default_rng(0), Geometry((20, 20, 20))
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for name in names:
        labels = np.kron(rng.integers(0, 3, (5, 5, 5)), np.ones((4, 4, 4)))
        for part, voxels in (("images", labels.astype(np.float32)), ("labels", labels.astype(np.uint8))):
            write_volume(Volume(voxels[None], grid), folder / part / f"{name}.nii.gz")
    (folder / "dataset.json").write_text(json.dumps({"folds": folds}))


def test_version(run: Run) -> None:
    assert run("--version").stdout.strip() == f"unetsegment {__version__}"


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from UNetSegmentLib.cli.app import app\n"
        "assert CliRunner().invoke(app, ['segment', '--help']).exit_code == 0\n"
        "loaded = {'torch', 'vtk', 'SimpleITK', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    root = Path(__file__).parents[3]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=root, check=False)
    assert result.returncode == 0, result.stderr


# -- models --------------------------------------------------------------------------------------------------------


def test_card_of_a_package(run: Run, level_package: Path) -> None:
    result = run("models", "card", level_package)
    assert result.exit_code == 0, result.output
    for text in ("Levels", "first level", "Liver", "CC0"):
        assert text in result.stdout


def test_card_as_json(run_json: RunJson, level_package: Path) -> None:
    assert run_json("models", "card", level_package)["name"] == "levels"


def test_list(run: Run, run_json: RunJson) -> None:
    shown = run("models", "list")
    assert shown.exit_code == 0 and run("models").stdout == shown.stdout
    assert isinstance(run_json("models", "list"), list)


def test_unknown_card(run: Run) -> None:
    assert run("models", "card", "no-such-model").exit_code == 4


# -- evaluate ------------------------------------------------------------------------------------------------------


def test_one_pair(run_json: RunJson, tmp_path: Path) -> None:
    prediction, reference = _block(tmp_path / "p.seg.nrrd", 2, 8), _block(tmp_path / "r.nii.gz", 4, 8)
    answer = run_json("evaluate", prediction, reference)
    (score,) = answer["cases"]["p"]
    # 6 x 36 and 4 x 36 voxels, 4 x 36 in common.
    assert score["name"] == "block"
    assert score["dice"] == pytest.approx(2 * 4 / (6 + 4))
    assert score["volume_error_ml"] == pytest.approx(2 * 36 / 1000)


def test_folders_and_csv(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    _block(tmp_path / "ours" / "a.seg.nrrd", 2, 8)
    _block(tmp_path / "ours" / "b.nii.gz", 2, 8)
    _block(tmp_path / "theirs" / "a.nii.gz", 2, 8)
    _block(tmp_path / "theirs" / "b.nii.gz", 5, 8)
    arguments = ("evaluate", tmp_path / "ours", tmp_path / "theirs", "--csv", tmp_path / "s.csv")
    answer = run_json(*arguments)
    assert set(answer["cases"]) == {"a", "b"}
    assert answer["summary"][0]["dice"] == pytest.approx((1 + 2 * 3 / 9) / 2)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0].startswith("case,value,name,dice") and lines[1].startswith("a,1,block,1.0") and len(lines) == 3
    shown = run(*arguments)
    assert shown.exit_code == 0 and "Mean over 2 cases" in shown.stdout and "0.8333" in shown.stdout


def test_a_prediction_without_its_reference(run: Run, tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
    _block(tmp_path / "ours" / "a.nii.gz", 2, 8)
    result = run("evaluate", tmp_path / "ours", tmp_path / "theirs")
    assert result.exit_code == 3 and "have no reference of their name" in result.stderr


def test_dots_belong_to_the_names_of_cases(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    """Patients named by UIDs stay apart; a table beside a label map is no case."""
    uids = [f"1.3.6.1.4.1.{n}000" for n in (1, 2, 3)]
    for folder, low in (("ours", 2), ("theirs", 5)):
        (tmp_path / folder).mkdir()
        for uid in uids:
            _block(tmp_path / folder / f"{uid}.nii.gz", low if uid == uids[2] else 2, 8)
    (tmp_path / "ours" / "notes.txt").write_text("of the reader")
    cases = run_json("evaluate", tmp_path / "ours", tmp_path / "theirs")["cases"]
    assert [round(cases[uid][0]["dice"], 3) for uid in uids] == [1, 1, round(2 * 3 / 9, 3)]
    (tmp_path / "ours" / f"{uids[0]}.nii.gz").rename(tmp_path / "ours" / "1.3.6.1.4.1.4000.nii.gz")
    strange = run("evaluate", tmp_path / "ours", tmp_path / "theirs")
    assert strange.exit_code == 3 and "the first is '1.3.6.1.4.1.4000'" in strange.stderr


def test_two_files_of_one_case(run: Run, tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        _block(tmp_path / folder / "a.nii.gz", 2, 8)
    _block(tmp_path / "ours" / "a.seg.nrrd", 2, 8)
    result = run("evaluate", tmp_path / "ours", tmp_path / "theirs")
    assert result.exit_code == 3 and "are two files of one case, 'a'" in result.stderr


def test_segments_are_compared_by_their_names(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    """The same voxels and names, numbered in another order; without names, the values must do."""
    voxels = np.zeros((10, 10, 10), np.uint8)
    voxels[2:8, 2:8, 2:5], voxels[2:8, 2:8, 5:6] = 1, 2
    grid = Geometry((10, 10, 10))
    names = ("liver", "Spleen")
    first = Segmentation(voxels, grid, tuple(Label(n, name) for n, name in enumerate(names, start=1)))
    turned = Segmentation(np.array([0, 2, 1], np.uint8)[voxels], grid, (Label(2, "liver"), Label(1, "spleen")))
    write_segmentation(first, tmp_path / "a.nii.gz")
    write_segmentation(turned, tmp_path / "b.seg.nrrd")
    files = (tmp_path / "a.nii.gz", tmp_path / "b.seg.nrrd")
    answer = run_json("evaluate", *files)
    assert [(row["name"], row["dice"]) for row in answer["cases"]["a"]] == [("liver", 1), ("Spleen", 1)]
    assert "the files number them differently" in answer["notes"][0]
    assert [row["dice"] for row in run_json("evaluate", *files, "--by-value")["cases"]["a"]] == [0, 0]
    (tmp_path / "a.json").unlink()
    bare = run_json("evaluate", *files)
    assert [row["dice"] for row in bare["cases"]["a"]] == [0, 0] and "no names" in bare["notes"][-1]
    write_segmentation(Segmentation(voxels, grid, (Label(1, "hepar"), Label(2, "lien"))), tmp_path / "c.seg.nrrd")
    strange = run("evaluate", tmp_path / "c.seg.nrrd", tmp_path / "b.seg.nrrd")
    assert (
        strange.exit_code == 3 and "no segment has the same name" in strange.stderr and "--by-value" in strange.stderr
    )


def test_a_cropped_prediction_is_placed_on_the_reference(run_json: RunJson, tmp_path: Path) -> None:
    reference = _block(tmp_path / "r.nii.gz", 2, 8)
    image = sitk.ReadImage(str(reference))[1:10, 1:10, 1:10]
    sitk.WriteImage(image, str(tmp_path / "p.nii.gz"))
    answer = run_json("evaluate", tmp_path / "p.nii.gz", reference)
    assert answer["cases"]["p"][0]["dice"] == 1
    note = next(note for note in answer["notes"] if "covers another part than its reference" in note)
    assert note.startswith("'p.nii.gz' covers") and ": 9 x 9 x 9 (from voxel 1, 1, 1 on) voxels, not " in note
    assert "beyond it is background" in note
    sitk.WriteImage(image, str(tmp_path / "p.seg.nrrd"))
    # It does not state the image that it was drawn on, as Slicer's files do.
    assert "covers another part" in str(run_json("evaluate", tmp_path / "p.seg.nrrd", reference).get("notes"))


def test_cases_without_a_segment_on_either_side_are_said(run: Run, run_json: RunJson, tmp_path: Path) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        _block(tmp_path / folder / "a.nii.gz", 2, 8)
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros(GRID.shape, np.uint8)), str(tmp_path / folder / "b.nii.gz"))
    answer = run_json("evaluate", tmp_path / "ours", tmp_path / "theirs")
    assert "1 of 2 cases have no segment on either side and no score: b." in answer["notes"]
    shown = run("evaluate", tmp_path / "ours" / "b.nii.gz", tmp_path / "theirs" / "b.nii.gz")
    assert shown.exit_code == 0 and "no segment on either side" in shown.stderr


@pytest.mark.parametrize("arguments", [(), ("--model", "levels"), ("--model", "levels", "--data", "x")])
def test_nothing_to_evaluate(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("evaluate", *arguments).exit_code == 2


def test_model_on_a_held_out_fold(run_json: RunJson, level_package: Path, tmp_path: Path) -> None:
    """Images whose rounded intensities are the labels: the model's Dice is 1."""
    _data_set(tmp_path / "data", "abc", [["a"], ["b", "c"]])
    options = ("--model", level_package, "--data", tmp_path / "data", "--fold", "1", "--device", "cpu")
    answer = run_json("evaluate", *options)
    assert set(answer["cases"]) == {"b", "c"}
    assert [row["dice"] for row in answer["summary"]] == [1, 1]
    assert set(run_json("evaluate", *options, "--cases", "1")["cases"]) == {"b"}


# -- doctor, train, demo -------------------------------------------------------------------------------------------


def test_doctor(run: Run, run_json: RunJson) -> None:
    report = run_json("doctor")
    assert report["healthy"] is True and report["packages"]["torch"]
    assert any(device["name"] == "cpu" and device["free_gb"] > 0 for device in report["devices"])
    assert all(test["passed"] for test in report["self_test"])
    assert report["backends"].keys() >= {"torch", "openvino", "onnx"} and report["backends"]["torch"]
    shown = run("doctor")
    assert {"highdicom", "dicomweb-client", "keyring", "ray", "pyarrow"} <= set(report["packages"])
    assert shown.exit_code == 0 and "All is well" in shown.stdout


def test_doctor_tells_which_backends_were_chosen(
    run: Run, run_json: RunJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from UNetSegmentLib.inference.backends.verdicts import Verdict, VerdictBook

    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    book = VerdictBook()
    book.record("a", Verdict(True, 1e-5, 0.4, 0.2, model="levels 1.0", tile="8 x 8 x 8", threads=2))
    book.record("b", Verdict(False, note="its answer differs by 1.0e-01", model="others 2.0", tile="9 x 9 x 9"))
    book.add_spent("c", 3.0)
    choices = {choice["model"]: choice for choice in run_json("doctor")["choices"]}
    assert set(choices) == {"levels 1.0", "others 2.0"}
    assert (choices["levels 1.0"]["backend"], choices["levels 1.0"]["gain"]) == ("openvino", 2.0)
    assert choices["others 2.0"]["backend"] == "torch" and choices["levels 1.0"]["current"]
    assert "levels 1.0" in run("doctor").stdout


def test_train_without_a_configuration(run: Run, tmp_path: Path) -> None:
    result = run("train", tmp_path / "none.json")
    assert result.exit_code == 3 and "cannot be" in result.stderr


def test_train_resume_and_use(run: Run, run_json: RunJson, level_package: Path, tmp_path: Path) -> None:
    from UNetSegmentLib.models import read_card
    from UNetSegmentLib.training import AugmentationConfig, TrainingConfig, save_config

    _data_set(tmp_path / "data", "ab", [["a"], ["b"]])
    config = TrainingConfig(
        dataset=str(tmp_path / "data"),
        output=str(tmp_path / "run"),
        card=replace(read_card(level_package), weights=("weights.safetensors",), digests={}),
        fold=0,
        steps=3,
        batch=1,
        device="cpu",
        augmentation=AugmentationConfig(rotation=0, scaling=0, blur=0, low_resolution=0),
        validate_every=3,
        checkpoint_every=2,
    )
    save_config(config, tmp_path / "training.json")
    first = run("train", tmp_path / "training.json")
    assert first.exit_code == 0, first.output
    assert "loss" in first.stderr and "Dice on held-out cases: first level" in first.stdout
    assert (tmp_path / "run" / "model" / "model.json").is_file()
    again = run("train", tmp_path / "training.json")
    assert again.exit_code == 3 and "--resume" in again.stderr
    resumed = run_json("train", tmp_path / "training.json", "--resume")
    assert Path(resumed["model"]) == tmp_path / "run" / "model" and len(resumed["dice"] or [0, 0]) == 2
    # What was trained is a model like any other.
    options = ("--model", tmp_path / "run" / "model", "--data", tmp_path / "data", "--fold", "0", "--device", "cpu")
    assert set(run_json("evaluate", *options)["cases"]) == {"a"}


def test_demo_finds_its_image_without_importing_nilearn() -> None:
    pytest.importorskip("nilearn")
    from UNetSegmentLib.cli.segmenting.demo import _image

    assert read_volume(_image()).voxels.shape == (1, 189, 233, 197)


def test_help_says_all_of_what_it_was_given(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in brackets, such as "[auto]", are markup to the help's printer and vanish."""
    from typer.main import get_command

    monkeypatch.setenv("COLUMNS", "200")
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        shown = " ".join(run(name, "--help").output.split())
        for option in command.params:
            words = (getattr(option, "help", None) or "").split()
            assert not any("[" in word for word in words), f"{name}: {option.name}"
            assert not words or words[-1] in shown, f"{name}: {option.name}"


def test_an_interrupt_before_a_command_has_begun_is_no_traceback() -> None:
    script = (
        "import sys, UNetSegmentLib.cli as cli\n"
        "def interrupted():\n    raise KeyboardInterrupt\n"
        "cli._run = interrupted\n"
        "cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (130, "")
