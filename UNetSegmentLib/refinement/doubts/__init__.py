"""Where a mask may be wrong, the likeliest places first, and how well a whole case may have gone."""
