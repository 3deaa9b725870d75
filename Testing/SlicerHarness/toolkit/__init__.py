"""``qt`` and ``ctk``: PySide6 in PythonQt's manners."""
