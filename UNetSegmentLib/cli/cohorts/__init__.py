"""Many cases: the command ``batch``."""
