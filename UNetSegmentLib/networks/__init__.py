"""The U-Net family: one configurable network of exchangeable blocks, for 2D and 3D. Knows no files and no volumes."""
