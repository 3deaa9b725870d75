"""Preparing a volume for a network, and undoing it exactly."""
