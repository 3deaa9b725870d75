"""What a person draws, and the voxels that it is certain of."""
