"""What the two processes say to each other: messages as values, as lines, and a training's folder."""
