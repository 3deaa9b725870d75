"""Imports and installations through the worker: the requests reach the library, its answers and errors come back."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from worker_helpers import ENVIRONMENT, FAKE

from UNetSegmentLib.errors import Cancelled, ModelError
from UNetSegmentLib.models import find_model
from UNetSegmentLib.progress import CancelToken, ProgressEvent, Stage
from UNetSegmentLib.worker.client.requests import ImportRequest, InstallRequest
from UNetSegmentLib.worker.client.session import WorkerSession
from UNetSegmentLib.worker.protocol.messages import Import, ImportedModel
from UNetSegmentLib.worker.running import installing

HIPPOCAMPUS = find_model("hippocampus-t1")


@pytest.fixture
def session() -> Any:
    with WorkerSession(command=FAKE, environment=ENVIRONMENT) as worker:
        yield worker


def test_an_import_tells_its_progress_and_what_it_brought(session: WorkerSession) -> None:
    events: list[ProgressEvent] = []
    answer = session.bring(ImportRequest("/models/liver.zip", "/packages"), events.append)
    assert answer.models == (ImportedModel("liver", "1", "Title", "/packages"),)
    assert events[-1].stage == "import" and events[-1].message == "weights"


def test_an_entry_of_the_library_goes_the_same_way(session: WorkerSession) -> None:
    answer = session.bring(InstallRequest("spleen", True, folder="/packages"))
    assert [model.name for model in answer.models] == ["spleen"]


def test_an_import_can_be_cancelled_and_the_next_one_works(session: WorkerSession) -> None:
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        session.bring(ImportRequest("/m.wait"), lambda event: cancel.cancel(), cancel)
    assert session.bring(ImportRequest("/m.zip")).models


def test_a_refusal_keeps_its_class_cause_and_cure(session: WorkerSession) -> None:
    with pytest.raises(ModelError, match="a program") as caught:
        session.bring(ImportRequest("/m.ts"))
    assert caught.value.cure == "Say that you trust it."
    assert session.bring(ImportRequest("/m.ts", trust=True)).models


def test_the_importer_gets_what_was_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def import_model(source: Path, destination: Path | None, name: str | None, **options: Any) -> list[Path]:
        asked.update(source=source, destination=destination, name=name, **options)
        Stage("import", 1, options["progress"], options["cancel"]).step()
        return [HIPPOCAMPUS]

    module = types.ModuleType("importing")
    module.import_model = import_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "UNetSegmentLib.models.importing", module)
    events: list[ProgressEvent] = []
    request = Import(3, "/m", str(tmp_path), True, "n", "2d", "/c.json")
    answer = installing.bring(request, events.append, CancelToken())
    assert (answer.id, [model.name for model in answer.models]) == (3, ["hippocampus-t1"])
    assert answer.models[0].folder == str(HIPPOCAMPUS)
    assert asked["source"] == Path("/m") and asked["destination"] == tmp_path and asked["name"] == "n"
    assert asked["trust"] is True and asked["configuration"] == "2d" and asked["contract"] == Path("/c.json")
    assert [event.done for event in events] == [0, 1]
