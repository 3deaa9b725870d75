"""Lines and voxels over one connection: frames, pieces, what goes first, and what is sent at once."""
