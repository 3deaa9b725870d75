"""Cases for a training: read, labelled, cut into patches, and kept on the disk where the memory is too small."""
