"""Scores of held-out cases: one fold, all folds, and how far they spread."""
