"""Surfaces of segments, and their pictures in 3D."""
