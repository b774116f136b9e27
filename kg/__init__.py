"""Knowledge graph of the government plans filed by political organizations in Peru."""

__version__ = "0.1.0"
