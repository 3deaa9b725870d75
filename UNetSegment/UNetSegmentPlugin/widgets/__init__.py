"""Widgets and questions that know nothing of models or scenes."""
