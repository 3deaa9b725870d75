"""The check for GPUs, rehearsed without one: every section ends in rows, whatever goes wrong in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

GPU = Path(__file__).resolve().parents[2] / "Gpu"


@pytest.fixture(scope="module")
def check() -> Any:
    sys.path.insert(0, str(GPU))
    import check

    return check


def run(check: Any, tmp_path: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    output = tmp_path / "rows.json"
    code = check.main(["--output", str(output), *arguments])
    return code, json.loads(output.read_text())["rows"]


def test_a_rehearsal_measures_and_judges(check: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sections = ["machine", "memory", "engine", "compiling", "training"]
    code, rows = run(check, tmp_path, "--device", "cpu", "--tiny", "--only", *sections)
    assert code == 0
    assert {row["section"] for row in rows} == set(sections)
    found = {(row["section"], row["name"]): row for row in rows}
    assert found["engine", "3 classes"]["values"]["over bare"] > 0.5
    assert found["compiling", "torch.compile"]["values"]["difference"] < 1e-3
    assert found["memory", "planned for 1 MB"]["values"]["patch"] != "16x16x16"
    losses = found["training", "fp32"]["values"]
    assert losses["last loss"] < losses["first loss"]
    table = capsys.readouterr().out
    assert all(row["name"] in table for row in rows)


def test_a_wrong_answer_fails_the_check(check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import section_parity
    import torch

    def wrong_without_tf32(*arguments: Any) -> Any:
        return real(*arguments) * torch.backends.cudnn.allow_tf32

    real = section_parity.labels
    monkeypatch.setattr(section_parity, "labels", wrong_without_tf32)
    monkeypatch.setattr(section_parity, "DATA", tmp_path)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    code, rows = run(check, tmp_path, "--device", "cpu", "--tiny", "--only", "parity")
    assert code == 1
    judged = [row for row in rows if row["ok"] is not None and row["name"].startswith("random")]
    assert {row["name"]: row["ok"] for row in judged} == {
        "random weights, fp32": True,
        "random weights, fp32 without TF32": False,
    }


def test_what_a_section_raises_is_a_row(check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rows import Row

    broken = ModuleType("section_engine")

    def rows(scale: Any) -> Any:
        yield Row("engine", "before")
        raise RuntimeError("CUDA error: an illegal memory access")

    broken.rows = rows  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "section_engine", broken)
    code, found = run(check, tmp_path, "--device", "cpu", "--tiny", "--only", "engine", "machine")
    assert code == 1
    assert [row["name"] for row in found if row["section"] == "engine"] == ["before", "(rest of the section)"]
    assert "illegal memory access" in found[-1]["note"]
    assert any(row["section"] == "machine" for row in found)


def test_without_a_gpu_it_says_so_in_rows(check: Any, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    code, rows = run(check, tmp_path, "--tiny", "--only", "engine")
    assert code == 1
    assert "not available" in rows[0]["note"]


def test_a_section_in_a_process_of_its_own(check: Any) -> None:
    chosen = type("Chosen", (), {"device": "cpu"})()
    rows = check.in_child("machine", chosen, 120)
    assert [row.name for row in rows] == ["computer", "packages", "GPU"]
    (row,) = check.in_child("machine", chosen, 0.01)
    assert "stopped after" in row.note


def test_rows_survive_other_output_and_a_cut_line() -> None:
    from rows import Row, marked, rows_of

    row = Row("engine", "3 classes", {"seconds": 1.5, "on": "GPU"}, ok=True)
    text = f"Compiling...\n{marked(row)}\nwarning\n{marked(row)[:-9]}"
    assert rows_of(text) == [row]
