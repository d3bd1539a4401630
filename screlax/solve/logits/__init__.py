"""Solvers of cross-entropy: programs over logits."""
