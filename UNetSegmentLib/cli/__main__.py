"""``python -m UNetSegmentLib.cli``."""

from . import main

main()
