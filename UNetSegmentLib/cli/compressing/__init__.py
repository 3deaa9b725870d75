"""The command that makes a model smaller and faster."""
