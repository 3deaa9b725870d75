"""The pieces of the benchmark of corrections: cases, robots that prompt, baselines, measures.

From Testing/Benchmarks: ``from refinement import cases, play``, then ``play(None, case)`` for each of
``cases("leak", half="tune")``; ``play(method, case)`` with another method of the session.
"""

from .cases import KINDS, Case, cases
from .corrector import OurSession
from .play import Step, play

__all__ = ["KINDS", "Case", "OurSession", "Step", "cases", "play"]
