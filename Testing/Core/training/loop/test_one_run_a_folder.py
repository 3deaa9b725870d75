"""Two trainings in one folder, and a training whose cases are not those that it began with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from training_cases import balls, write_case

from UNetSegmentLib.errors import Cancelled, InputError
from UNetSegmentLib.progress import CancelToken, ProgressEvent
from UNetSegmentLib.training import TrainingConfig, train
from UNetSegmentLib.training.loop.lock import locked

Make = Callable[..., TrainingConfig]

HOLD = """
import sys
from pathlib import Path
from UNetSegmentLib.training.loop.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_belongs_to_one_training_until_its_process_ends(make_config: Make, tmp_path: Path) -> None:
    """A lock that outlived a killed process would keep its owner out of his own run."""
    config = make_config(steps=1)
    output = Path(config.output)
    output.mkdir()
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(output)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="Another training runs in"):
            train(config)
    finally:
        other.kill()
        other.communicate()
    assert train(config).steps == 1


def test_a_lock_is_left_behind_free(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path), pytest.raises(InputError, match="process"), locked(tmp_path):
            pass


@pytest.mark.parametrize("change", ["removed", "added"])
def test_resuming_with_other_cases(make_config: Make, folder: Path, change: str) -> None:
    token = CancelToken()

    def stop(event: ProgressEvent) -> None:
        if event.stage == "train":
            token.cancel()

    config = make_config(steps=8)
    with pytest.raises(Cancelled):
        train(config, stop, token)
    if change == "removed":
        (folder / "images" / "case_5.nii.gz").unlink()
        words = "began with 4 cases to learn from, now there are 3: 'case_5' is missing"
    else:
        write_case(folder, "case_9", *balls(9))
        words = "began with 4 cases to learn from, now there are 5: 'case_9' is new"
    with pytest.raises(InputError, match=words):
        train(config)
