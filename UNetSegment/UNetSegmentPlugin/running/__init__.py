"""Runs: orders, their queue, the worker process behind them, and how long they will take."""
