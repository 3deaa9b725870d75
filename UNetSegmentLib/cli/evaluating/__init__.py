"""The command that measures: ``evaluate``."""
