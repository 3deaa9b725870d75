"""What a run says of itself: a table for programs, a page for people."""
