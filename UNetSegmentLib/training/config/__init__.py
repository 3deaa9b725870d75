"""What a training is told: its configuration as frozen values, the checks of what may stand in it, and JSON."""
