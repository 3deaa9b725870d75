"""Cohorts of a DICOMweb server: its series as cases, their images while they are needed, and results sent back."""
