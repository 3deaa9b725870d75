"""The commands that run a model on an image: ``segment``, ``attention``, ``demo``."""
