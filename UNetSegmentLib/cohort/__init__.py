"""Many cases: finding them, running them, going on where a run was stopped, the table and the page."""
