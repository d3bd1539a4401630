"""Minority collapse: when the classes of a problem share one mean."""
