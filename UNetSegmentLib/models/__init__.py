"""Model packages: the card, the weights, loading them safely, and the list of bundled models."""
