"""Models of what comes next."""

from fastrnn.generator.estimator import SequenceGenerator

__all__ = ["SequenceGenerator"]
