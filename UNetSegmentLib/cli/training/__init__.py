"""The commands that train: ``train``, ``cross-validate``, ``augmentations``."""
