"""Results as DICOM objects beside the series that they are about."""
