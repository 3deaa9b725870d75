"""How a worker process is started, spoken to, and found to have ended."""
