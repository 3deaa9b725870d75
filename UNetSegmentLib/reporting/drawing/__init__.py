"""Drawing: a canvas with letters and marks, planes of an image, flat pictures with their segments."""
