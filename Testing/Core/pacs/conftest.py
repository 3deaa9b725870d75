from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from orthanc import Orthanc, missing_orthanc
from scripted_server import ScriptedServer

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / folder) for folder in ("io/dicom", "cohort")]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on this machine are reached directly, whatever the machine's settings."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(scope="session")
def running_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    if reason := missing_orthanc():
        pytest.skip(reason)
    with Orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """A real archive on this machine, empty."""
    running_orthanc.empty()
    return running_orthanc


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A small server that can be told to misbehave."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="session")
def ct_package(level_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose labels are rounded intensities, for CT."""
    folder = tmp_path_factory.mktemp("ct") / "levels"
    shutil.copytree(level_package, folder)
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**card, "modality": "CT"}))
    return folder
