"""What the panel is made of: one section a file, each with its .ui file, and the dialogs that they open."""
