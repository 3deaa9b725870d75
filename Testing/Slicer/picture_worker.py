"""A worker that takes the computer for a slow one, so that the training of a picture has steps enough for a curve.

Its plan is a small network with small patches: two minutes on a busy machine then show what an hour shows elsewhere.
"""

import runpy
import sys
from pathlib import Path
from unittest import mock


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from UNetSegmentLib.worker.serving.stdio import claim_stdio

    channel = claim_stdio()
    from UNetSegmentLib.training.planning import plan
    from UNetSegmentLib.training.planning.device import Speed
    from UNetSegmentLib.worker.running import training
    from UNetSegmentLib.worker.serving import stdio

    mock.patch.object(stdio, "claim_stdio", lambda: channel).start()
    mock.patch.object(plan, "quickest_threads", lambda device: 0).start()
    mock.patch.object(plan, "measure_speed", lambda device, dimension: Speed(2 << 30, 4e9)).start()
    mock.patch.object(training, "step_back", lambda: None).start()
    runpy.run_module("UNetSegmentLib.worker", run_name="__main__")


if __name__ == "__main__":
    main()
