from fastrnn.generator.estimator import SequenceGenerator

__all__ = ["SequenceGenerator"]
