"""Constraints of a user's own on the Gram matrix of the classes, beside the control."""
