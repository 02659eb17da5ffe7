"""The estimators' base."""

from fastrnn.base.estimator import Problem, SequenceEstimator
from fastrnn.base.inputs import SHARED_CONSTRAINTS

__all__ = ["SHARED_CONSTRAINTS", "Problem", "SequenceEstimator"]
