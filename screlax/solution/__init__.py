"""The result, and its record on disk."""
