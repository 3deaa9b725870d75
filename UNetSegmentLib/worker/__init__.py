"""The engine in a process of its own: protocol, server and a client that imports no torch."""
