"""Results saved as DICOM: measurements as a report, and a process that writes."""
