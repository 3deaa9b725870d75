"""The Slicer side of UNetSegment: the panel, the scene, and the way to the worker process.

Nothing here runs a network or imports torch. ``panel`` and its ``sections`` are what the user sees; ``running`` owns
the worker and the queue of runs, ``training`` and ``installing`` what they ask of it besides; ``scene`` translates
between MRML and the core, ``models`` lists what there is to run; ``parameters`` holds what the user chose. A room uses
those below it and never those above (the contract of floors in pyproject.toml).
"""
