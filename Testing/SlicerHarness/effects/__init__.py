"""Effects of the segment editor, scripted ones among them, and the mouse that uses them."""
