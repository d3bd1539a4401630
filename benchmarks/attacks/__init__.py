"""The kinds of attack that `benchmarks/attack.py` makes on screlax's proofs."""
