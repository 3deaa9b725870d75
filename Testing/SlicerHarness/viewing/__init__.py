"""Layout, views and what they show; pictures of views and of the panel."""
