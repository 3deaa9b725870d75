"""The version of UNetSegmentLib and of the extension."""

__version__ = "0.1.0"
