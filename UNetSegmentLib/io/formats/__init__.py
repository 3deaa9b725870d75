"""Readers of the three volume formats whose headers strangers write: NIfTI, NRRD and MetaImage.

In Python and numpy alone, because the C and C++ libraries for them end the whole process at some broken headers, follow
a header to any file of the machine, and allocate whatever it asks for. Here a header is understood fully or refused,
its data files lie beside it or below it, and what it asks for is compared with what is there before it is allocated.
"""
