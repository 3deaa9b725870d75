"""Real runs that are killed in the middle and gone on with: the end is that of an undisturbed one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cohort_files import write_image
from killed_cohort import Kill, KilledCohort

if sys.platform != "linux":
    pytest.skip("looks for processes in /proc", allow_module_level=True)

CASES = 8
# After the third the run goes on by itself; the fourth meets the tables.
KILLS = (Kill("driver", 1, 0.0), Kill("interrupt", 2, 0.0), Kill("child", 2, 0.0), Kill("group", None, 0.03))


def test_killed_four_times_and_gone_on_with_it_ends_like_an_undisturbed_run(
    tmp_path: Path, level_package: Path
) -> None:
    for number in range(CASES - 1):
        write_image(tmp_path / "in" / f"c{number}.nii.gz", number)
    (tmp_path / "in" / "broken.nii.gz").write_bytes(b"\x1f\x8b no more than that")
    arguments = [str(tmp_path / "in"), "-m", str(level_package), "--no-preview"]
    runs = []
    for name in ("calm", "killed"):
        (tmp_path / f"tmp-{name}").mkdir()
        runs.append(KilledCohort(arguments, tmp_path / name, tmp_path / f"tmp-{name}", CASES))
    calm, killed = runs
    calm.finish()
    for kill in KILLS:
        killed.killed(kill)
    killed.finish()
    assert killed.remains() == []
    assert killed.differences(calm) == []
