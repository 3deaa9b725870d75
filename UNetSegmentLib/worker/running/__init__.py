"""Requests to a worker for models, carried out by the library; the only room of the worker with torch."""
