"""Correcting a segment by prompts: the Segment Editor effect, its tools, and the session in a worker of its own."""
