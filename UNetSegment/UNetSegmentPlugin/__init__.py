"""The Slicer side of UNetSegment: the panel, the scene, and the way to the worker process.

Nothing here runs a network or imports torch. ``parameters`` holds what the user chose; ``volumes``, ``regions`` and
``results`` translate between MRML and the core; ``runner`` owns the worker and the queue of runs; ``panel`` and its
sections show all that.
"""
