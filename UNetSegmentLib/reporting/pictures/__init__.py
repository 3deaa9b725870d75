"""Pictures of cases, slices, corrections and doubtful places."""
