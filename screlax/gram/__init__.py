"""Gram matrices that are invariant under exchanging points of a cell, and their geometry."""
