"""One model on many machines: estimators whose data are partitions on the workers of a Dask cluster.

They need Dask: ``pip install dask distributed``.
"""

from fastrnn.dask.estimators import DaskSequenceClassifier, DaskSequenceRegressor, DaskSequenceTagger
from fastrnn.dask.forecaster import DaskSequenceForecaster

__all__ = ["DaskSequenceClassifier", "DaskSequenceForecaster", "DaskSequenceRegressor", "DaskSequenceTagger"]
