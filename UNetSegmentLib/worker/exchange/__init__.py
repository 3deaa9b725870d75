"""Voxels between the two processes: files in a private folder, mapped by whoever reads them."""
