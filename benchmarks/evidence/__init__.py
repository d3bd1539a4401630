"""Measured tables: which command printed them, when, and how they come back into the page."""
