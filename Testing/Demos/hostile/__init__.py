"""Inputs that somebody made to do harm, or that an accident made so: how to make each, and what is run on it."""
