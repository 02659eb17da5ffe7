"""Benchmarks of fastrnn: speed beside its peers, scores on real sets, costs that were promised."""
