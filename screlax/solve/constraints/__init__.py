"""Linear constraints natively: whether they can hold at all, and the optimum under them."""
