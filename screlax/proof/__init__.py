"""Certificates: two proved bounds from any approximate solution."""
