"""Pictures of a DICOM segmentation as bytes: packed bits, run lengths, JPEG-LS."""
