"""MRML widgets over the real scene, the segment editor among them."""
