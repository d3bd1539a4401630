"""The expected loss of mini-batches: Newton on the optimality conditions of a rank-one slack."""
