"""Quick versions of models: the cases they are made with, the worker that makes them, and the words for it."""
