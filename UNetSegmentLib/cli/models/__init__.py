"""The commands for models: ``models``, ``library``, ``import``."""
