"""Learn one sample at a time, with River's protocol: for streams that never end and may change."""

from contextlib import suppress

from fastrnn.online.estimators import OnlineClassifier, OnlineRegressor

__all__ = ["OnlineClassifier", "OnlineRegressor"]

with suppress(Exception):  # River's metrics accept no class that its own do not know; a broken River is none
    from river import base

    base.Classifier.register(OnlineClassifier)
    base.Regressor.register(OnlineRegressor)
