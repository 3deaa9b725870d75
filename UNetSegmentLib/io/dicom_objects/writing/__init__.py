"""SEG, RTSTRUCT, reports, parametric maps and PDFs as files of a series."""
