"""Every reported case before and after, as one table: what each small input did at an older commit and does now.

    python Testing/Demos/reported_cases.py [--before COMMIT] [--cases FOLDER] [--only NAME] [--full FOLDER]

The cases lie in ``../shared/cases``: programs that make an input which people reported as failing, run the command or
the library on it, and print what happened. This script runs each with the library of either checkout and judges the
print by rules of its own (below). It ends with 1 when a case is wrong now. ``--full`` keeps what the cases printed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CASES = REPOSITORY.parent / "shared" / "cases"
BEFORE = "151defe"
SECONDS = 600


@dataclass(frozen=True)
class Point:
    """One thing that a case shows: ``right`` judges its print."""

    what: str
    right: Callable[[str], bool]
    tests: str


def _line(start: str, *wanted: str) -> Callable[[str], bool]:
    """Whether the line that begins so is there and holds all of ``wanted``."""
    return lambda text: any(
        line.strip().startswith(start) and all(re.search(each, line) for each in wanted) for line in text.splitlines()
    )


def _without(pattern: str, also: Callable[[str], bool] = lambda text: True) -> Callable[[str], bool]:
    """Whether nothing in the print looks like ``pattern``."""
    return lambda text: bool(text.strip()) and re.search(pattern, text) is None and also(text)


def _has(*patterns: str) -> Callable[[str], bool]:
    return lambda text: all(re.search(pattern, text) for pattern in patterns)


def _part(text: str, start: str, end: str | None = None) -> str:
    """The print from one line on, to another."""
    _, _, rest = text.partition(start)
    return rest.partition(end)[0] if end else rest


# Where the tests lie that hold each kind.
_CLI = "Testing/Core/cli/test_cli_commands.py"
_NAMED = "Testing/Core/training/layouts/test_named_segments.py"
_LAYOUTS = "Testing/Core/training/layouts/test_layouts.py"
_JSON = "Testing/Core/io/test_json_files.py"
_MODELS = "Testing/Core/models/test_hostile_packages.py"
_INFERENCE = "Testing/Core/inference/test_segmenter.py"
_NIFTI = "Testing/Core/io/test_nifti.py"
_PICTURES = "Testing/Core/io/test_picture_files.py"
_FOLDER = "Testing/Core/io/dicom/test_dicom_folder.py"
_STACKING = "Testing/Core/io/dicom/test_dicom_stacking.py"
_TEXTS = "Testing/Core/io/dicom/test_dicom_texts.py"

POINTS: dict[str, tuple[Point, ...]] = {
    "analyze-img-taken-for-dicom": tuple(
        Point(
            f"Analyze image whose first voxel is {value} is read", _line(f"first voxel {value} ", r"exit 0\b"), _FOLDER
        )
        for value in (0, 2, 8)
    ),
    "channels": (
        Point("a channel that was resampled and filled is told", _has(r"exit 0 warnings \[.*flair"), _INFERENCE),
        Point("the empty channel is named", _has(r"'empty\.nii\.gz' is constant"), _INFERENCE),
    ),
    "dataset-json-bom": (Point("a byte order mark is read over", _line("exit 0"), _JSON),),
    "dicom-enhanced-multiframe": (
        Point("frames in order are read", _line("in order", r"as in truth: 1\.0"), _STACKING),
        Point(
            "interleaved frames are sorted",
            _line("interleaved", r"spacing \(1\.0, 1\.0, 2\.0\)", r"as in truth: 1\.0"),
            _STACKING,
        ),
        Point("a gap is refused", _line("a gap", "GeometryError"), _STACKING),
        Point("a tilted gantry is refused", _line("gantry tilt", "GeometryError"), _STACKING),
        Point("two time points are not stacked", _line("two time points", r"InputError|\(12, 16, 16\)"), _STACKING),
        Point("every frame has its own slope", _line("slopes per frame", r"as in truth: 1\.0"), _STACKING),
        Point("two files of one series are one volume", _line("two multi-frame", r"as in truth: 1\.0"), _STACKING),
    ),
    "dicom-series-pixel-type": tuple(
        Point(what, lambda text, start=start: _error_of(text, start) < 1e-4, _STACKING)
        for what, start in (
            ("PET fractions are kept", "PET:"),
            ("signed slices after an unsigned one", "CT: first slice unsigned"),
            ("an intercept for each slice", "CT: intercept 0"),
        )
    ),
    "dicom-slice-lost-silently": (
        Point(
            "a broken slice at an end is refused by name",
            _without(r"(?m)^(last|first) slice is 0 bytes", _has(r"InputError: '\S+' may be a slice")),
            _FOLDER,
        ),
    ),
    "evaluate-names-with-dots": (
        Point("three patients are three cases", _has(*(rf"1\.3\.6\.1\.4\.1\.{n}000" for n in (1, 2, 3))), _CLI),
        Point("different patients are not compared", lambda text: "Error" in _part(text, "an error, the two"), _CLI),
    ),
    "names-not-utf8": (
        Point("a file name in Latin-1 is read", _line("1. file name", r"exit 0\b"), _PICTURES),
        Point("a series' name is readable", _has("'Schädel nativ'"), _TEXTS),
        Point("--json is UTF-8", _line("3. JSON is readable"), _TEXTS),
        Point("the series can be chosen by its name", _line("4. --series", r"exit 0\b"), _TEXTS),
    ),
    "nifti-two-spaces": (
        Point(
            "sform and qform that differ",
            lambda text: _same_place(text) or _has(r"(?m)^1\. \(0, \[[\"']")(text),
            _NIFTI,
        ),
        Point("a scale unlike pixdim is told", _has(r"(?m)^2\. \(0, \[[\"']"), _NIFTI),
    ),
    "pip-install-has-no-models": (
        Point("the wheel brings the models", _has(r"model files: \['", "hippocampus-t1"), "Testing/Core/project"),
    ),
    "seg-nrrd-names": (
        Point(
            "the plan has the segments' names",
            _line("labels of the plan", "'liver'.*expected|'spleen'.*expected"),
            _NAMED,
        ),
        Point(
            "one segment is one value",
            lambda text: len(set(re.findall(r"taught as value \[(\d+)\]", text))) == 1,
            _NAMED,
        ),
        Point(
            "evaluate compares by name",
            lambda text: len(re.findall(r"1\.0000", _part(text, "== evaluate"))) >= 2,
            _NAMED,
        ),
    ),
    "train-file-named-4D": (
        Point("a name with 4D is a name", lambda text: "defect" not in text and text.count("exit 3") == 2, _LAYOUTS),
    ),
    "weights-0600": (
        Point("another user runs an imported model", _line("exit code 0"), _MODELS),
        Point(
            "an unreadable folder is an error with a cure",
            _without("defect|Traceback", _has("folder not readable: exit code [^0]")),
            _MODELS,
        ),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", default=BEFORE, help="commit to compare with; '' leaves it out")
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--only", action="append", help="name of a case; may be repeated")
    parser.add_argument("--full", type=Path, help="folder for what the cases printed")
    options = parser.parse_args()
    names = options.only or sorted(path.parent.name for path in options.cases.glob("*/make.py"))
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        results = _nnunet_results(home)
        checkouts = {"now": REPOSITORY}
        if options.before:
            checkouts = {"before": _checkout(options.before, home / "before"), **checkouts}
        print(f"| case | what | {' | '.join(checkouts)} | held by |\n|---|---|{'---|' * len(checkouts)}---|")
        wrong = 0
        for name in names:
            printed = {when: _run(options.cases / name, source, results) for when, source in checkouts.items()}
            if options.full is not None:
                _keep(options.full, name, printed)
            wrong += _rows(name, printed)
    print(f"\n{wrong} of {sum(len(POINTS.get(name, ())) for name in names)} points are wrong now.")
    return 1 if wrong else 0


def _rows(name: str, printed: dict[str, str]) -> int:
    """Prints a case's lines; returns how many of its points are wrong now."""
    points = POINTS.get(name)
    if points is None:
        print(f"| {name} | no rule: read what it prints (--full) | {' | '.join('?' for _ in printed)} | |")
        return 0
    wrong = 0
    for point in points:
        verdicts = {when: point.right(text) for when, text in printed.items()}
        wrong += not verdicts["now"]
        words = " | ".join("right" if good else "**wrong**" for good in verdicts.values())
        print(f"| {name} | {point.what} | {words} | {point.tests} |", flush=True)
    return wrong


def _run(case: Path, source: Path, results: Path) -> str:
    """What a case prints with the library of ``source``."""
    with tempfile.TemporaryDirectory() as temporary:
        # One case runs as another user.
        Path(temporary).chmod(0o755)
        command = Path(temporary) / "unetsegment"
        command.write_text(f"#!{sys.executable}\nfrom UNetSegmentLib.cli import main\nmain()\n", encoding="utf-8")
        command.chmod(0o755)
        environment = {
            **os.environ,
            "PYTHONPATH": str(source),
            "PATH": f"{temporary}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "200",
        }
        arguments: Sequence[str] = {
            "weights-0600": [str(results)],
            "pip-install-has-no-models": [str(source)],
            "channels": [str(REPOSITORY / "Testing")],
        }.get(case.name, [])
        done = subprocess.run(
            [sys.executable, str(case / "make.py"), *arguments],
            cwd=source,
            env=environment,
            capture_output=True,
            timeout=SECONDS,
        )
    return (done.stdout + done.stderr).decode("utf-8", "backslashreplace")


def _checkout(commit: str, target: Path) -> Path:
    """Another commit's files in a folder of their own, with a history, as the case of the wheel clones it."""
    subprocess.run(["git", "clone", "-q", "--shared", str(REPOSITORY), str(target)], check=True)
    subprocess.run(["git", "-C", str(target), "checkout", "-q", commit], check=True)
    # Cases look for images beside the checkout.
    beside = target.parent / "shared"
    if not beside.exists() and (REPOSITORY.parent / "shared").exists():
        beside.symlink_to(REPOSITORY.parent / "shared")
    return target


def _nnunet_results(home: Path) -> Path:
    """A small results folder of nnU-Net's kind to import."""
    sys.path.insert(0, str(REPOSITORY / "Testing" / "Core" / "importing"))
    from nnunet_files import Results

    return Results().write(home / "results").parent


def _keep(folder: Path, name: str, printed: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for when, text in printed.items():
        (folder / f"{name}-{when}.txt").write_text(text, encoding="utf-8")


def _error_of(text: str, start: str) -> float:
    found = re.search(rf"^{re.escape(start)}.*largest error ([0-9.e+-]+)", text, re.MULTILINE)
    return float(found.group(1)) if found else float("inf")


def _same_place(text: str) -> bool:
    """Whether image and segmentation lie at one place for nibabel."""
    found = re.search(r"^1\..*at \[(.*?)\] segmentation at \[(.*?)\]", text, re.MULTILINE)
    return found is not None and [float(x) for x in found[1].split()] == [float(x) for x in found[2].split()]


if __name__ == "__main__":
    sys.exit(main())
