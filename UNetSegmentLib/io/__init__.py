"""Reading images and writing segmentations."""
