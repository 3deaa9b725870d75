"""How fast this machine runs a model, and in which ways."""
