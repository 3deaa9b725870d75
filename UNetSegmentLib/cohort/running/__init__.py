"""Cases one after the other: read, run, written, with the neighbours read and written meanwhile."""
