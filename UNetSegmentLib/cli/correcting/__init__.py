"""The commands for masks that are there: ``refine`` and ``review``."""
