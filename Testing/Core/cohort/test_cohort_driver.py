"""The driver against children that die, in all ways that a process can: small scripts in place of the real one."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

import pytest

from UNetSegmentLib.cohort.case import CohortCase, Source
from UNetSegmentLib.cohort.job import CohortJob
from UNetSegmentLib.cohort.record import Status
from UNetSegmentLib.cohort.running.driver import Driver
from UNetSegmentLib.cohort.running.overdue import Watch
from UNetSegmentLib.cohort.running.steps import Step
from UNetSegmentLib.errors import Cancelled, ModelError, UNetSegmentError
from UNetSegmentLib.progress import CancelToken

CHILD = """
import json, os, signal, sys, time
out = sys.stdout
sys.stdin.readline()
def send(message):
    out.write(json.dumps(message) + "\\n"); out.flush()
send({"ready": True})
for line in sys.stdin:
    message = json.loads(line)
    name = message.get("name", "")
    send({"began": name})
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("exit"):
        sys.exit(7)
    if name.startswith("slow"):
        time.sleep(60)
        open(__file__ + ".waited", "w").close()
    time.sleep(0.02)
    send({"record": {"case": name, "status": "done"}})
"""


def driver(
    tmp_path: Path, script: str = CHILD, cancel: CancelToken | None = None, began=None, patience: float = 0.0
) -> Driver:
    path = tmp_path / "child.py"
    path.write_text(textwrap.dedent(script))
    return Driver(CohortJob("m"), "job", tmp_path, cancel, began, (sys.executable, str(path)), patience)


def cases(*names: str) -> list[CohortCase]:
    return [CohortCase(name, (Source(Path(f"{name}.nii.gz")),)) for name in names]


def test_every_case_has_a_record(tmp_path: Path) -> None:
    records = list(driver(tmp_path).run(cases(*"abcdefg")))
    assert [record.case for record in records] == list("abcdefg")
    assert all(record.status is Status.DONE for record in records)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_case_that_kills_its_process_is_marked_and_the_rest_goes_on(tmp_path: Path) -> None:
    records = {r.case: r for r in driver(tmp_path).run(cases("a", "kill", "b", "c", "d", "e"))}
    assert set(records) == {"a", "kill", "b", "c", "d", "e"}
    assert [name for name, record in records.items() if record.status is Status.FAILED] == ["kill"]
    assert "ended by the system" in records["kill"].cause
    assert records["kill"].cure


def test_several_that_kill_are_each_found(tmp_path: Path) -> None:
    records = {r.case: r for r in driver(tmp_path).run(cases("exit1", "a", "exit2", "exit3", "b"))}
    assert {name for name, record in records.items() if record.status is Status.FAILED} == {"exit1", "exit2", "exit3"}
    assert "exit code 7" in records["exit1"].cause


def test_the_last_case_may_be_the_culprit(tmp_path: Path) -> None:
    records = list(driver(tmp_path).run(cases("a", "exit")))
    assert sorted((r.case, r.status.value) for r in records) == [("a", "done"), ("exit", "failed")]


def test_a_model_that_cannot_be_loaded_blames_no_case(tmp_path: Path) -> None:
    script = """
    import json, sys
    sys.stdin.readline()
    print(json.dumps({"error": ["bad-model", "There is no model 'm'.", "Name another.", ""]}), flush=True)
    sys.exit(1)
    """
    with pytest.raises(ModelError, match="no model 'm'"):
        list(driver(tmp_path, script).run(cases("a")))


def test_a_process_that_never_gets_ready_is_said(tmp_path: Path) -> None:
    with pytest.raises(UNetSegmentError, match="could not be made ready"):
        list(driver(tmp_path, "raise SystemExit('no torch here')").run(cases("a")))


def test_cancelling_does_not_wait_for_the_case(tmp_path: Path) -> None:
    cancel = CancelToken()
    running = driver(tmp_path, cancel=cancel, began=lambda name: cancel.cancel())
    running.grace = 0.2
    with pytest.raises(Cancelled):
        list(running.run(cases("slow", "a")))
    assert not (tmp_path / "child.py.waited").exists()


def test_a_case_that_is_written_while_the_run_is_cancelled_is_kept(tmp_path: Path) -> None:
    script = """
    import json, sys
    def send(message):
        print(json.dumps(message), flush=True)
    sys.stdin.readline()
    send({"ready": True})
    name = json.loads(sys.stdin.readline())["name"]
    send({"began": name})
    for line in sys.stdin:
        if "cancel" in json.loads(line):
            break
    send({"record": {"case": name, "status": "done"}})
    send({"error": ["cancelled", "The run was cancelled.", "", ""]})
    """
    cancel, seen = CancelToken(), []
    with pytest.raises(Cancelled):
        for record in driver(tmp_path, script, cancel, lambda name: cancel.cancel()).run(cases("a", "b")):
            seen.append(record.case)
    assert seen == ["a"]


def test_a_case_that_stands_still_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    # The others say nothing of steps: however slow this machine is, they are not overdue.
    script = CHILD.replace("time.sleep(60)", 'send({"step": [name, "READING"]}); time.sleep(60)')
    running = driver(tmp_path, script, patience=1.0)
    records = {r.case: r for r in running.run(cases("a", "slow", "b", "c"))}
    assert set(records) == {"a", "slow", "b", "c"}
    assert [name for name, record in records.items() if record.status is Status.FAILED] == ["slow"]
    assert records["slow"].code == "no-progress"
    assert "while it was being read" in records["slow"].cause and "--case-timeout" in records["slow"].cure


def test_a_case_that_waits_for_its_turn_is_not_overdue() -> None:
    watch = Watch(0.01)
    watch.notice({"step": ["a", "COMPUTING"]})
    watch.notice({"step": ["b", "WAITING"]})
    time.sleep(0.05)
    late = watch.overdue()
    assert late is not None and (late.case, late.step) == ("a", Step.COMPUTING)
    watch.notice({"record": {"case": "a"}})
    assert watch.overdue() is None


def test_signs_of_the_network_count_for_the_case_that_is_computed() -> None:
    watch = Watch(1000.0)
    watch.notice({"step": ["a", "COMPUTING"]})
    before = dict(watch._steps)
    watch.notice({"alive": True})
    assert watch._steps["a"][1] >= before["a"][1] and watch.overdue() is None
    assert Watch(0.0).overdue() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
def test_a_last_case_whose_process_is_killed_from_outside_gets_another_chance(tmp_path: Path) -> None:
    flag = tmp_path / "killed"
    script = CHILD.replace(
        'if name.startswith("exit"):',
        f'if name == "victim" and not os.path.exists({str(flag)!r}):\n'
        f'        open({str(flag)!r}, "w").close()\n'
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        '    if name.startswith("exit"):',
    )
    records = list(driver(tmp_path, script).run(cases("a", "victim")))
    assert [(r.case, r.status) for r in records] == [("a", Status.DONE), ("victim", Status.DONE)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGKILL")
@pytest.mark.parametrize(("times", "fine"), [(1, True), (9, False)])
def test_a_process_that_is_killed_before_it_is_ready_is_started_again(tmp_path: Path, times: int, fine: bool) -> None:
    tries = tmp_path / "tries"
    script = (
        "import os, signal\n"
        f"tries = {str(tries)!r}\n"
        "open(tries, 'a').write('x')\n"
        f"if os.path.getsize(tries) <= {times}:\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n" + CHILD
    )
    running = driver(tmp_path, script).run(cases("a"))
    if fine:
        assert [record.status for record in running] == [Status.DONE]
    else:
        with pytest.raises(UNetSegmentError, match="could not be made ready"):
            list(running)
        assert len(tries.read_text()) == 4
