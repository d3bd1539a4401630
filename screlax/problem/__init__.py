"""What is to be solved: class sizes, labels, the unconstrained features model, its program."""
