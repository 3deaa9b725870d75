"""SEG and RTSTRUCT as label maps, on their own grid or on that of an image."""
