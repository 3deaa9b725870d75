"""The source archive and the wheel, built once and used where the checkout is not on the path."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

REPOSITORY = Path(__file__).resolve().parents[3]
MOST_BYTES = 20e6
TOP_LEVEL = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive of the project and the wheel made of that archive."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    source.mkdir()
    for name in TOP_LEVEL:
        if (REPOSITORY / name).is_file():
            shutil.copy(REPOSITORY / name, source)
    shutil.copytree(REPOSITORY / "Resources" / "Docs", source / "Resources" / "Docs")
    for package in ("UNetSegmentLib", "UNetSegment", "Testing/Core/project"):
        shutil.copytree(REPOSITORY / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    # Without isolation nothing is downloaded: what builds is what the tests' own environment holds.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, source]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    assert "deprecat" not in (done.stdout + done.stderr).lower()
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``unetsegment`` in an environment that holds the wheel, and sees torch and the rest of this one's packages."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    scripts, site = (
        Path(sysconfig.get_path(name, "venv", {"base": str(folder), "platbase": str(folder)}))
        for name in ("scripts", "purelib")
    )
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    command = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index", "--no-deps", wheel]
    subprocess.run(command, check=True)
    # Plain paths in a .pth file: the .pth files of those folders, a checkout's editable one among them, stay unread.
    packages = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (site / "packages-of-the-tests.pth").write_text("\n".join(packages) + "\n")
    code = "import UNetSegmentLib, json, sys; print(json.dumps([UNetSegmentLib.__file__, sys.path]))"
    place, path = json.loads(run(python, "-c", code).stdout)
    assert Path(place).is_relative_to(site)
    assert not any(entry and Path(entry).resolve() == REPOSITORY for entry in path)
    return scripts / "unetsegment"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """A command in a folder without anything of ours, with a home of its own."""
    home = Path(str(command[0])).parent
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "XDG_"))}
    environment = {**variables, "HOME": str(home), "USERPROFILE": str(home), "OMP_NUM_THREADS": "1"}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, encoding="utf-8", check=False)


def answer(*command: object) -> Any:
    done = run(*command, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_wheel_is_small_and_holds_what_a_user_needs(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    core = REPOSITORY / "UNetSegmentLib"
    suffixes = {".py", ".json", ".safetensors", ".typed"}
    wanted = {p.relative_to(REPOSITORY).as_posix() for p in core.rglob("*") if p.suffix in suffixes}
    wanted.add("UNetSegmentLib/README.md")  # the wheel's own page
    assert wanted == {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert "UNetSegmentLib/py.typed" in wanted
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_source_archive_is_small_and_holds_no_tests(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    assert archive.stat().st_size <= MOST_BYTES
    with tarfile.open(archive) as file:
        tops = {name.split("/")[1] for name in file.getnames() if name.count("/") > 0}
    assert {"UNetSegmentLib", "README.md", "LICENSE", "pyproject.toml"} <= tops
    assert not tops & {"Testing", "UNetSegment", "Resources"}


def test_the_metadata_is_ready_for_the_package_index(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    text = archive.read(name).decode("utf-8")
    metadata = email.message_from_string(text)
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert {url.split(",")[0] for url in metadata.get_all("Project-URL", [])} >= {"Homepage", "Source", "Issues"}
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert not any(line.startswith("License ::") for line in metadata.get_all("Classifier", []))  # PEP 639
    assert metadata["Keywords"]
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) >= 3
    for link in links:
        assert link.startswith(("https://", "http://", "#")), link
        path = link.partition("/main/")[2].partition("#")[0]
        assert not path or (REPOSITORY / path).exists(), link


def test_models_come_with_the_wheel_and_segment(program: Path, tmp_path: Path) -> None:
    assert {model["name"] for model in answer(program, "models", "list")} == {"hippocampus-t1", "retinal-vessels"}
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(100, 20, (24, 32, 32)).astype(np.float32))
    sitk.WriteImage(image, tmp_path / "head.nii.gz")
    command = ("segment", tmp_path / "head.nii.gz", tmp_path / "out.seg.nrrd", "--model", "hippocampus-t1")
    answer(program, *command, "--device", "cpu")
    assert (tmp_path / "out.seg.nrrd").is_file()


def test_doctor_finds_the_models_and_says_when_they_are_missing(program: Path) -> None:
    assert answer(program, "doctor")["healthy"]
    (bundled,) = program.parent.parent.rglob("models/bundled")
    bundled.rename(bundled.with_name("elsewhere"))
    try:
        done = run(program, "doctor")
    finally:
        bundled.with_name("elsewhere").rename(bundled)
    assert done.returncode == 1
    assert "bundled models are missing" in " ".join(done.stdout.split())
