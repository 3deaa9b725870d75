"""The networks that MONAI bundles use, as their weights name them."""
