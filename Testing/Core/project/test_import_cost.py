"""``import UNetSegmentLib`` is paid for by every start of Slicer."""

import subprocess
import sys

SCRIPT = """
import sys, time
started = time.process_time()
import UNetSegmentLib
print(time.process_time() - started)
heavy = {"torch", "numpy", "SimpleITK", "vtk", "safetensors", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_importing_the_core_costs_next_to_nothing_and_no_torch():
    seconds = []
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, encoding="utf-8", check=False)
        assert run.returncode == 0, run.stderr
        seconds.append(float(run.stdout))
    assert min(seconds) < 0.2


def test_every_public_name_can_be_had():
    import UNetSegmentLib

    assert {"Segmenter", "load_model", "read_volume"} <= set(UNetSegmentLib.__all__)
    for name in UNetSegmentLib.__all__:
        assert getattr(UNetSegmentLib, name).__name__ == name
