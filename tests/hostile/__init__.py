"""Hostile inputs for the HTTP server: `python -m tests.hostile` starts one and tells what it withstands."""
