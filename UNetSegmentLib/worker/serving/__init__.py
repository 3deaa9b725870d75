"""The worker's side, whatever it is asked: the process, its queue, its answers."""
