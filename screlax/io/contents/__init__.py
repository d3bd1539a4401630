"""Files that hold several arrays or columns: what is in them, and which is meant."""
