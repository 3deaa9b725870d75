"""What must be there before a run: packages, PyTorch, models of other programs and of the library."""
