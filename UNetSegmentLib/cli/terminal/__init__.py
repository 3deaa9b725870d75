"""What commands share of the terminal: words, tables, progress, broken streams, and how a command ends."""
