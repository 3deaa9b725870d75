"""What a result says: volumes and diameters, overlap and surface metrics, surfaces, preview pictures."""
