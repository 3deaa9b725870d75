"""Model packages of known answer for the tests, made once by the worker's Python, and the bundled one."""

import functools
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
BUNDLED = "hippocampus-t1"


def folder() -> Path:
    """A folder with the packages of threshold_model.py. Skips the test where the worker's Python lacks torch."""
    return made_by("threshold_model.py")


def nnunet_results() -> Path:
    """A folder with the data sets of nnunet_model.py. Skips likewise."""
    return made_by("nnunet_model.py")


@functools.cache
def made_by(script: str) -> Path:
    """A temporary folder that a script beside this file has filled, run by the worker's Python."""
    import atexit

    from UNetSegmentPlugin.running.worker_process import python_executable

    target = Path(tempfile.mkdtemp(prefix="unetsegment-models-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    command = [python_executable(), str(HERE / script), str(target)]
    made = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)
    if made.returncode and "No module named 'torch'" in made.stderr:
        raise unittest.SkipTest("the worker's Python has no torch")
    if made.returncode:
        raise RuntimeError(made.stderr)
    return target


def at_hand():
    """A patch under which the threshold models are the user's own."""
    return mock.patch("UNetSegmentLib.models.locations.user_model_folder", folder)


def bundled_or_skip() -> str:
    """Name of the bundled model; skips the test while it is not in the tree."""
    from UNetSegmentLib.models import list_models

    if BUNDLED not in [card.name for card in list_models()]:
        raise unittest.SkipTest(f"the model {BUNDLED} is not in the tree")
    return BUNDLED
