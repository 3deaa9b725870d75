"""The application: modules, logics, settings, packages, samples, and Slicer's own files in place of ours."""
