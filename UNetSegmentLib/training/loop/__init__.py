"""The training itself: steps, schedules, checkpoints and exact resume, validation, and the package at the end."""
