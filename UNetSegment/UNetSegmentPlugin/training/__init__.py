"""Training from the panel: pairs of the scene or a folder, checked, written out, trained in a worker."""
