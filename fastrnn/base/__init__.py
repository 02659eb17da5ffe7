"""The estimators' base."""

from fastrnn.base.estimator import Problem, SequenceEstimator
from fastrnn.base.features import AttentionReader, FeatureExtractor, InformedExtractor
from fastrnn.base.inputs import COUNT, POSITIVE, SHARED_CONSTRAINTS, check_finite

__all__ = ["COUNT", "POSITIVE", "SHARED_CONSTRAINTS", "AttentionReader", "FeatureExtractor", "InformedExtractor",
           "Problem", "SequenceEstimator", "check_finite"]  # fmt: skip
