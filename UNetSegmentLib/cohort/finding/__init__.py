"""From what people give (files, patterns, folders, DICOM trees, tables) to cases."""
