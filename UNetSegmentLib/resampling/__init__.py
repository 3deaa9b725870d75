"""Exact separable resampling on any device."""
