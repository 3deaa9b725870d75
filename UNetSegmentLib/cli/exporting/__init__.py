"""The command that writes networks for other programs: ``export``."""
