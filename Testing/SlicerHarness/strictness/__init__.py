"""What makes the stand-ins strict: the listing of a real Slicer, and objects that know nothing else."""
