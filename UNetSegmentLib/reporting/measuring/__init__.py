"""Figures: sizes of segments, and how well two segmentations agree."""
