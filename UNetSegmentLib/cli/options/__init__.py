"""Options that several commands take: numbers, regions, label maps, and options whose order matters."""
