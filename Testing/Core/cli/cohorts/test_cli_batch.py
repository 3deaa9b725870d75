from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from UNetSegmentLib.cli.cohorts.progress_lines import progress_lines
from UNetSegmentLib.cohort.finding.inputs import find_cases
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.journal import Journal
from UNetSegmentLib.cohort.record import Record, Status
from UNetSegmentLib.cohort.run import Outcome
from UNetSegmentLib.cohort.running.failures import failed
from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io import read_segmentation, write_volume
from UNetSegmentLib.models import read_card
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.volume import Volume

SCANS = ("s0.nii.gz", "s1.nii.gz", "s2.nii.gz")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        voxels = np.zeros((10, 12, 14), np.float32)
        voxels[2:8, 2:9, number:8] = 1
        voxels[4:6, 4:6, 4:6] = 2
        write_volume(Volume.from_array(voxels), folder / f"s{number}.nii.gz")
    (folder / "broken.nii.gz").write_bytes(b"")
    (folder / "readme.txt").write_text("words")
    return folder


def test_a_folder_becomes_folders_a_table_and_a_page(
    run_json: Callable[..., Any], scans: Path, tmp_path: Path, level_package: Path
) -> None:
    output = tmp_path / "results"
    answer = run_json("batch", scans, "-o", output, "-m", level_package, "--no-preview")
    assert answer["counts"] == {"done": 3, "failed": 1, "left out": 1}
    assert read_segmentation(output / "s1" / "segmentation.seg.nrrd").voxels.max() == 2
    with (output / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["case"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"s0", "s1", "s2", "broken", "readme.txt"}
    assert "empty" in rows["broken"]["cause"]
    assert (output / "report.html").is_file()
    assert len((output / "audit.jsonl").read_text().splitlines()) == 4
    again = run_json("batch", scans, "-o", output, "-m", level_package, "--no-preview")
    assert (again["run"], again["kept"]) == (0, 4)


def test_a_run_with_nothing_to_do_imports_no_network(scans: Path, tmp_path: Path, level_package: Path) -> None:
    """The process that drives a run keeps a line for each case and nothing that a network needs."""
    output = tmp_path / "results"
    job = CohortJob(str(level_package))
    digest = job.digest(read_card(level_package))
    with Journal(output) as journal:
        for case in find_cases([scans], Wanted()).cases:
            journal.add(failed(case, InputError("It is broken.", "Mend it."), digest))
    code = (
        "import sys; from UNetSegmentLib.cli.app import app; app(sys.argv[1:], standalone_mode=False); "
        "print([name for name in ('torch', 'vtk', 'SimpleITK', 'scipy', 'pydicom', 'PIL') if name in sys.modules])"
    )
    arguments = [str(argument) for argument in ("batch", scans, "-o", output, "-m", level_package, "--json")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, encoding="utf-8", check=False)
    *answer, loaded = done.stdout.strip().splitlines()
    assert json.loads("\n".join(answer))["kept"] == 4, done.stderr
    assert loaded == "[]"


def test_a_dry_run_writes_nothing(
    run_json: Callable[..., Any], scans: Path, tmp_path: Path, level_package: Path
) -> None:
    answer = run_json("batch", scans, "-o", tmp_path / "results", "-m", level_package, "--dry-run")
    assert [case["case"] for case in answer["cases"]] == ["broken", "s0", "s1", "s2"]
    assert [one["name"] for one in answer["left_out"]] == ["readme.txt"]
    assert not (tmp_path / "results").exists()


def test_a_part_says_how_the_parts_become_a_table(
    run: Callable[..., Result], scans: Path, tmp_path: Path, level_package: Path
) -> None:
    output = tmp_path / "results"
    words = run("batch", scans / "s1.nii.gz", "-o", output, "-m", level_package, "--no-preview", "--part", "1/1").output
    assert "report.html" in words and "--join" not in words
    words = run("batch", scans / "s1.nii.gz", "-o", output, "-m", level_package, "--no-preview", "--part", "1/2").output
    assert "--join" in words and "Written" not in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "hippocampus-t1"], "No image is named"),
        (["{scans}/readme.txt", "-m", "hippocampus-t1", "--part", "3/2"], "is no part"),
        (["{scans}"], "No model is named"),
        (["{scans}", "-m", "nobody-has-this"], "nobody-has-this"),
        (["{scans}", "-m", "hippocampus-t1", "--format", ".stl"], "cannot end in '.stl'"),
        (["{scans}", "-m", "hippocampus-t1", "--backend", "abacus"], "Unknown backend 'abacus'"),
        (["nowhere", "-m", "hippocampus-t1"], "no such file"),
        (["--join"], "no results of a cohort run"),
    ],
)
def test_what_is_wrong_is_said(
    run: Callable[..., Result], scans: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = run("batch", *(a.format(scans=scans) for a in arguments), "-o", tmp_path / "out")
    usage = any(text in words for text in ("is named", "is no part", "cannot end in"))
    assert result.exit_code in ((2,) if usage else (3, 4))
    assert words in result.output.replace("\n", " ")


def test_a_stopped_run_says_what_is_left_and_how_to_go_on(
    run: Callable[..., Result], scans: Path, tmp_path: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = Outcome((Record("s0", Status.DONE, folder="s0"),), run=1, kept=0, cancelled=True)
    monkeypatch.setattr("UNetSegmentLib.cohort.run.run_cohort", lambda *arguments: stopped)
    (tmp_path / "out").mkdir()
    result = run("batch", scans, "-o", tmp_path / "out", "-m", level_package)
    assert result.exit_code == 130
    assert "Stopped: 3 cases are left. The same command goes on with them." in result.output
    assert (tmp_path / "out" / "cases.csv").is_file()
    assert "Stopped: 3 cases are left." in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "out2").mkdir()
    result = run("batch", scans, "-o", tmp_path / "out2", "-m", level_package, "--anonymous-report", "--json")
    assert json.loads(result.stdout)["notes"][-1].startswith("Stopped: 3 cases are left.")
    assert "Stopped: 3 cases are left." in (tmp_path / "out2" / "report.html").read_text(encoding="utf-8")


def test_a_log_has_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    tell = progress_lines(every=0.0)
    tell(ProgressEvent("cases", 12, 40, 300.0, "12 of 40, 1 failed"))
    progress_lines(every=1000.0)(ProgressEvent("cases", 13, 40))
    assert capsys.readouterr().err.splitlines() == ["Segmenting cases (12 of 40, 1 failed), 5 min left"]


def test_a_list_of_cases_is_never_written_over_by_the_results(
    run: Callable[..., Result],
    scans: Path,
    tmp_path: Path,
    level_package: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = tmp_path / "cases.csv"
    listed.write_text("id,image\np1,scans/s0.nii.gz\n")
    before = listed.read_bytes()
    monkeypatch.chdir(tmp_path)
    here = ("-m", level_package, "--no-preview", "-o", ".")
    answer = run("batch", "cases.csv", *here)
    assert answer.exit_code == 5 and "'cases.csv' is read, and the results would be written over it" in answer.output
    answer = run("batch", "scans", *here)
    assert answer.exit_code == 5 and "is of no cohort run" in answer.output
    assert listed.read_bytes() == before and sorted(path.name for path in tmp_path.iterdir()) == ["cases.csv", "scans"]
    listed.rename(tmp_path / "mine.csv")
    for _ in range(2):
        assert run("batch", "mine.csv", *here).exit_code == 0
    plan = json.loads(run("batch", "scans", *here, "--dry-run", "--json").output)
    assert [Path(case["images"][0]).parent for case in plan["cases"]] == [scans] * 4
    answer = run("batch", "cases.csv", *here)
    assert answer.exit_code != 0 and "columns" in answer.output


def test_results_never_lie_among_the_images_that_are_read(
    run: Callable[..., Result], scans: Path, level_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run would segment the segmentations, and the one after it theirs."""
    monkeypatch.chdir(scans)
    for inputs, output in ((".", "."), (scans, "."), (".", scans), ("../scans", f"{scans}/")):
        answer = run("batch", inputs, "-o", output, "-m", level_package, "--no-preview")
        assert answer.exit_code == 5 and "would lie among them" in answer.output.replace("\n", " ")
    assert sorted(path.name for path in scans.iterdir()) == ["broken.nii.gz", "readme.txt", *SCANS]
    for _ in range(2):
        assert run("batch", ".", "-o", "results", "-m", level_package, "--no-preview").exit_code == 0
        with (scans / "results" / "cases.csv").open(newline="", encoding="utf-8") as file:
            assert [row["case"] for row in csv.DictReader(file)] == ["broken", "s0", "s1", "s2", "readme.txt"]


@pytest.mark.parametrize("nothing", ["", " "])
def test_no_folder_for_the_results_is_wrong_usage(
    run: Callable[..., Result], scans: Path, level_package: Path, nothing: str
) -> None:
    answer = run("batch", scans, "-m", level_package, "-o", nothing)
    assert answer.exit_code == 2 and "Name one with -o" in answer.output


def test_joined_parts_count_what_was_left_out_once(
    run: Callable[..., Result], scans: Path, tmp_path: Path, level_package: Path
) -> None:
    output = tmp_path / "results"
    for part in ("1/2", "2/2"):
        run("batch", scans, "-o", output, "-m", level_package, "--no-preview", "--part", part)
    words = run("batch", "-o", output, "--join").output
    assert "3 done, 1 failed, 1 left out; 0 run now, 4 kept." in words
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "levels 1.0, preset balanced, .seg.nrrd, joined parts" in page


def test_a_run_with_nothing_to_do_names_no_pace(
    run: Callable[..., Result], scans: Path, tmp_path: Path, level_package: Path
) -> None:
    command = ("batch", scans, "-o", tmp_path / "results", "-m", level_package, "--no-preview")
    first, second = run(*command).output, run(*command).output
    assert "0 run now" in second and "s a case" in first and "s a case" not in second


@pytest.mark.parametrize("anonymous", [(), ("--anonymous-report",)])
def test_the_page_of_joined_parts_says_that_some_are_missing(
    run: Callable[..., Result], scans: Path, tmp_path: Path, level_package: Path, anonymous: tuple[str, ...]
) -> None:
    output = tmp_path / "results"
    run("batch", scans / "s1.nii.gz", "-o", output, "-m", level_package, "--no-preview", "--part", "1/2")
    answer = run("batch", "-o", output, "--join", *anonymous)
    assert answer.exit_code == 1 and "Part 2 of 2 has not begun." in answer.output
    assert "Part 2 of 2 has not begun." in (output / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--join", "--list", "l.csv"), ("--join", "--list")),
        (("--join", "--dry-run"), ("--join", "--dry-run")),
        (("--join", "--part", "1/2"), ("--join", "--part")),
        (("--join", "scans"), ("--join", "INPUT")),
        (("--join", "-m", "x"), ("--join", "--model")),
        (("--join", "--retry-failed"), ("--join", "--retry-failed")),
        (("scans", "-m", "x", "--ray-actors", "2"), ("--ray-actors", "--ray")),
        (("scans", "-m", "x", "--ray-cpus", "2"), ("--ray-cpus", "--ray")),
        (("scans", "-m", "x", "--ray-gpus", "1"), ("--ray-gpus", "--ray")),
        (("scans", "-m", "x", "--ray-memory", "8"), ("--ray-memory", "--ray")),
    ],
)
def test_options_that_would_be_passed_over_are_wrong_usage(
    run: Callable[..., Result], tmp_path: Path, given: tuple[str, ...], named: tuple[str, str]
) -> None:
    answer = run("batch", "-o", tmp_path / "out", *given, "--json")
    cause = json.loads(answer.stdout)["error"]["cause"]
    assert answer.exit_code == 2 and all(f"{name} " in f"{cause[:-1]} " for name in named)


def test_a_dry_run_says_how_much_it_does_not_show(run: Callable[..., Result], scans: Path, level_package: Path) -> None:
    for number in range(11):
        (scans / f"note{number}.txt").write_text("words")
    shown = run("batch", scans, "-o", scans / "out", "-m", level_package, "--dry-run").output
    assert "Left out: 12" in shown and "... and 2 more; --json lists all." in shown
    assert not (scans / "out").exists()


@pytest.mark.parametrize("option", ["--ray-actors", "--ray-cpus", "--ray-gpus", "--ray-memory", "--case-timeout"])
def test_numbers_below_none_are_wrong_usage(
    run: Callable[..., Result], scans: Path, level_package: Path, option: str, tmp_path: Path
) -> None:
    answer = run("batch", scans, "-m", level_package, "-o", tmp_path / "out", option, -1)
    assert answer.exit_code == 2 and option in answer.output
    assert not (tmp_path / "out").exists()
