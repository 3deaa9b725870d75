"""Cleaning a label map: largest component, minimum size, holes."""
