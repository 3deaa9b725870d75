"""What commands write: never over what they read, over each other, or over files of someone else."""

from __future__ import annotations

import csv
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.cli.segmenting import outputs as writing
from UNetSegmentLib.cli.terminal import session
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_segmentation, write_volume
from UNetSegmentLib.labels import Label
from UNetSegmentLib.progress import CancelToken
from UNetSegmentLib.volume import Segmentation, Volume

Run = Callable[..., Result]
HOSTILE = "=cmd|' /C calc'!A0\x1b[2J\nsecond line" + "x" * 300


@pytest.fixture
def segment(run: Run, image: Path, level_package: Path) -> Run:
    def invoke(*arguments: object) -> Result:
        return run("segment", image, *arguments, "-m", level_package, "--device", "cpu")

    return invoke


def test_a_command_runs_twice_but_not_over_a_file_that_was_corrected(segment: Run, tmp_path: Path) -> None:
    outputs = {name: tmp_path / name for name in ("t.csv", "p.nrrd", "u.nrrd")}
    options = ("--table", outputs["t.csv"], "--probabilities", outputs["p.nrrd"], "--uncertainty", outputs["u.nrrd"])
    for target in (tmp_path / "out.seg.nrrd", tmp_path / "out.nii.gz"):
        for _ in range(2):
            result = segment(target, *options)
            assert result.exit_code == 0, result.output
        corrected = read_segmentation(target)
        corrected.voxels[:] = 1
        write_segmentation(corrected, target)
        os.utime(target, (1, 1))
        result = segment(target, *options)
        assert result.exit_code == 5 and "exists already" in result.stderr and "--force" in result.stderr
        assert (read_segmentation(target).voxels == 1).all()
        assert segment(target, *options, "--force").exit_code == 0
        assert not (read_segmentation(target).voxels == 1).all()


def test_a_result_of_another_scan_is_replaced_with_a_word(run_json: Callable, image: Path, level_package: Path) -> None:
    other = image.with_name("other.nii.gz")
    shutil.copy(image, other)
    target, options = image.with_name("out.nii.gz"), ("-m", level_package, "--device", "cpu")
    assert run_json("segment", image, target, *options)["warnings"] == []
    warnings = run_json("segment", other, target, *options)["warnings"]
    assert len(warnings) == 2 and all("other inputs" in warning for warning in warnings)  # labels, and their table


def test_a_pattern_of_two_scans_replaces_none(segment: Run, image: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.nii.gz"
    shutil.copy(image, second)
    before = second.read_bytes()
    result = segment(second)
    assert result.exit_code == 5 and "takes one scan" in result.stderr and "*.nii.gz" in result.stderr
    assert second.read_bytes() == before


@pytest.mark.parametrize("option", ["OUTPUT", "--probabilities", "--uncertainty", "--table", "--preview"])
def test_no_output_replaces_the_image_even_by_force(option: str, segment: Run, image: Path, tmp_path: Path) -> None:
    before = image.read_bytes()
    link = tmp_path / ("link.png" if option == "--preview" else "link.nii.gz")
    link.symlink_to(image)
    for path in (image, link):
        if option == "--preview" and path is image:
            continue
        files = (path,) if option == "OUTPUT" else (tmp_path / "out.seg.nrrd", option, path)
        result = segment(*files, "--force")
        assert result.exit_code == 5 and "at once" in result.stderr, result.output
    assert image.read_bytes() == before and not (tmp_path / "out.seg.nrrd").exists()


def test_two_outputs_of_one_name(segment: Run, tmp_path: Path) -> None:
    target = tmp_path / "out.nii.gz"
    for options in (
        ("--uncertainty", target),
        ("--table", tmp_path / "out.json"),
        ("--table", tmp_path / "OUT.nii.gz"),
    ):
        result = segment(target, *options)
        assert result.exit_code == 5 and "one file" in result.stderr
    assert not target.exists()


def test_the_label_table_replaces_no_table_of_another_map(segment: Run, tmp_path: Path) -> None:
    """liver.mha of someone else has liver.json beside it, as our liver.nii.gz would."""
    other = Segmentation(np.ones((2, 3, 4), np.uint8), Geometry((4, 3, 2)), (Label(1, "theirs"),))
    write_segmentation(other, tmp_path / "liver.mha")
    result = segment(tmp_path / "liver.nii.gz")
    assert result.exit_code == 5 and "label table beside" in result.stderr
    assert read_segmentation(tmp_path / "liver.mha").labels[0].name == "theirs"


def test_the_label_table_replaces_another_json_with_force_alone(
    segment: Run, run: Run, image: Path, tmp_path: Path
) -> None:
    target, beside = tmp_path / "liver.nii.gz", tmp_path / "liver.json"
    beside.write_text('{"EchoTime": 1}', encoding="utf-8")
    refused = segment(target)
    assert refused.exit_code == 5 and "--force" in refused.stderr and "EchoTime" in beside.read_text()
    done = segment(target, "--force")
    assert done.exit_code == 0 and "unetsegment-labels" in beside.read_text()
    assert "liver.json" in done.stdout.partition("Written:")[2]
    for name, command in (("convert", (target,)), ("refine", (image, target))):
        beside = tmp_path / f"{name}.json"
        beside.write_text("{}", encoding="utf-8")
        prompt = ("-s", "1", "--include", "voxel:6,6,6") if name == "refine" else ()
        words = (name, *command, tmp_path / f"{name}.nii.gz", *prompt)
        assert run(*words).exit_code == 5 and beside.read_text() == "{}"
        assert run(*words, "--force").exit_code == 0 and "unetsegment-labels" in beside.read_text()


def test_an_ending_that_is_none_names_all_there_are(run: Run, image: Path, tmp_path: Path) -> None:
    for command in (("segment", image, "-m", "any"), ("convert", image)):
        result = run(*command[:2], tmp_path / "out.xyz", *command[2:])
        assert result.exit_code == 5 and ".seg.nrrd" in result.stderr and ".dcm" in result.stderr, result.output


def test_outputs_are_refused_before_the_image_is_read(segment: Run, image: Path, tmp_path: Path) -> None:
    image.write_bytes(b"no image")
    (tmp_path / "folder.png").mkdir()
    for options in (
        (tmp_path / "none" / "out.seg.nrrd",),
        (tmp_path / ("x" * 300 + ".seg.nrrd"),),
        (tmp_path / "out.xyz",),
        (tmp_path / "out.seg.nrrd", "--preview", tmp_path / "folder.png"),
        (tmp_path / "out.seg.nrrd", "--preview", tmp_path / "p.jpg"),
        (tmp_path / "out.seg.nrrd", "--probabilities", tmp_path / "p.txt"),
        (tmp_path / "out.seg.nrrd", "--surfaces", image),
        (tmp_path / "out.seg.nrrd", "--table", tmp_path / "none" / "t.csv"),
    ):
        result = segment(*options)
        assert result.exit_code == 5, (options, result.output)


def test_hostile_label_names_do_no_harm(
    run: Run, image: Path, make_level_package: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("vtk")
    package = make_level_package(name="hostile", names=("..\\..\\con", HOSTILE))
    table, surfaces, preview = tmp_path / "t.csv", tmp_path / "meshes", tmp_path / "p.png"
    extras = ("--table", table, "--surfaces", surfaces, "--preview", preview)
    for _ in range(2):
        result = run("segment", image, tmp_path / "o.seg.nrrd", "-m", package, "--device", "cpu", *extras)
        assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    heading, *rows = list(csv.reader(table.open(newline="", encoding="utf-8")))
    assert [row[heading.index("name")][:5] for row in rows] == ["..\\..", "'=cmd"]
    assert len(table.read_text(encoding="utf-8").splitlines()) == 3
    names = sorted(path.name for path in surfaces.iterdir())
    assert names[0] == "1-_con.stl" and names[1].startswith("2-cmd-C-calc-A0") and len(names[1]) < 120
    found = read_segmentation(tmp_path / "o.seg.nrrd")
    assert [(label.value, label.name[:5]) for label in found.labels] == [(1, "..\\.."), (2, "=cmd|")]
    width, height = struct.unpack(">II", preview.read_bytes()[16:24])
    assert width > 1000 and height > 1000


def test_surfaces_replace_no_files_of_others(segment: Run, tmp_path: Path) -> None:
    pytest.importorskip("vtk")
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    (meshes / "2-second-level.stl").write_text("theirs")
    result = segment(tmp_path / "o.seg.nrrd", "--surfaces", meshes)
    assert result.exit_code == 5 and "2-second-level.stl" in result.stderr
    assert not (tmp_path / "o.seg.nrrd").exists()


def test_evaluate_replaces_neither_inputs_nor_files_of_others(run: Run, tmp_path: Path) -> None:
    labels = Segmentation(np.eye(6, dtype=np.uint8)[None].repeat(3, 0), Geometry((6, 6, 3)), (Label(1, "line"),))
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        write_segmentation(labels, tmp_path / folder / "=1+1.nii.gz")
    one, other = (tmp_path / folder / "=1+1.nii.gz" for folder in ("ours", "theirs"))
    before = one.read_bytes()
    assert run("evaluate", one, other, "--csv", one, "--force").exit_code == 5
    assert run("evaluate", one.parent, other.parent, "--csv", one.parent / "scores.csv").exit_code == 5
    assert run("evaluate", one.parent, other.parent, "--pictures", other.parent / "cases").exit_code == 5
    assert one.read_bytes() == before
    scores = tmp_path / "scores.csv"
    for _ in range(2):
        assert run("evaluate", one, other, "--csv", scores).exit_code == 0
    assert scores.read_text().splitlines()[1].startswith("'=1+1,1,line,")
    scores.write_text("mine")
    assert run("evaluate", one, other, "--csv", scores).exit_code == 5
    assert scores.read_text() == "mine"
    assert run("evaluate", one, other, "--csv", scores, "--force").exit_code == 0


def test_augmentations_and_attention_replace_nothing(
    run: Run, image: Path, level_package: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "picture.png"
    picture.write_text("mine")
    for arguments in (
        ("augmentations", picture, "--image", image),
        ("attention", image, picture, "-m", level_package),
        ("augmentations", image, "--image", image, "--force"),
        ("attention", image, tmp_path / "a.png", "-m", level_package, "--volume", picture),
    ):
        result = run(*arguments)
        assert result.exit_code == 5, result.output
    assert picture.read_text() == "mine"
    (tmp_path / "map.nrrd").write_text("mine")
    (tmp_path / "map-1.nrrd").write_text("mine")
    result = run("attention", image, tmp_path / "a.png", "-m", level_package, "--volume", tmp_path / "map.nrrd")
    assert result.exit_code == 5 and "map-1.nrrd" in result.stderr


def test_a_training_lies_neither_in_its_data_nor_over_something_else(run: Run, cells: Path, tmp_path: Path) -> None:
    result = run("train", cells, "--plan-only", "-o", cells / "runs")
    assert result.exit_code == 5 and "is read" in result.stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "report.html").write_text("mine")
    for command in ("train", "cross-validate"):
        result = run(command, cells, "--plan-only", "-o", tmp_path / "other")
        assert result.exit_code == 3 and "report.html" in result.stderr
        result = run(command, cells, "--plan-only", "-o", tmp_path / "other" / "report.html")
        assert result.exit_code == 5 and "file" in result.stderr
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["report.html"]


def test_nothing_is_written_into_a_model(run: Run, segment: Run, image: Path, level_package: Path, cells: Path) -> None:
    before = sorted(level_package.iterdir())
    card = level_package / "model.json"
    for result in (
        segment(level_package / "out.seg.nrrd"),
        segment(image.parent / "o.seg.nrrd", "--table", card, "--force"),
        segment(image.parent / "o.seg.nrrd", "--surfaces", level_package / "meshes"),
        run("attention", image, level_package / "a.png", "-m", level_package),
        run("evaluate", "-m", level_package, "--data", cells, "--fold", 0, "--csv", card, "--force"),
        run("train", cells, "--from", level_package, "--plan-only", "-o", level_package / "run"),
    ):
        assert result.exit_code == 5 and "is read" in result.stderr, result.output
    assert sorted(level_package.iterdir()) == before


def test_a_model_is_not_imported_into_what_it_is_read_from(run: Run, level_package: Path) -> None:
    result = run("import", level_package, "--to", level_package / "inside")
    assert result.exit_code == 5 and "is read" in result.stderr
    result = run("import", level_package, "--to", level_package / "model.json")
    assert result.exit_code == 5


def test_a_slice_of_a_photograph_keeps_its_names(run: Run, tmp_path: Path) -> None:
    write_volume(Volume(np.zeros((1, 1, 4, 4), np.uint8), Geometry((4, 4, 1))), tmp_path / "scan.nii.gz")
    result = run("segment", tmp_path / "scan.nii.gz", tmp_path / "scan.nii.gz", "-m", "none")
    assert result.exit_code == 5 and "INPUT and OUTPUT at once" in result.stderr


def test_a_cancel_while_files_are_written_says_which_are_there(
    run: Run, image: Path, level_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, table, preview = tmp_path / "o.seg.nrrd", tmp_path / "sizes.csv", tmp_path / "p.png"
    command = ("segment", image, target, "-m", level_package, "--table", table, "--preview", preview, "--device", "cpu")
    write, tokens = writing.write_text, []

    def token() -> CancelToken:
        tokens.append(CancelToken())
        return tokens[-1]

    def write_and_stop(text: str, path: Path) -> None:
        write(text, path)
        tokens[0].cancel()  # as Ctrl-C does; a second run has a token of its own

    monkeypatch.setattr(session, "CancelToken", token)
    monkeypatch.setattr(writing, "write_text", write_and_stop)
    result = run(*command)
    assert result.exit_code == 130
    assert str(target) in result.stderr and str(table) in result.stderr and str(preview) not in result.stderr
    assert target.is_file() and table.is_file() and not preview.exists()
    # They are this command's own: it replaces them without being forced.
    assert run(*command).exit_code == 0 and preview.is_file()
