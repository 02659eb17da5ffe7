"""Small series, in every container, and a small forecaster of them."""

import numpy as np
import pandas as pd

from fastrnn import SequenceForecaster

TIMES = pd.date_range("2020-01-01", periods=60)


def forecaster(**options):
    small = {
        "horizon": 3,
        "season": None,
        "linear_lags": 4,
        "hidden_size": 5,
        "shrinkage": None,
        "max_iter": 2,
        "random_state": 0,
    }
    return SequenceForecaster(**{**small, **options})


def walk(T=60, seed=0):
    return 50 + np.random.default_rng(seed).standard_normal(T).cumsum()


def counts(T=60, seed=0):
    return np.random.default_rng(seed).poisson(4.0, T).astype(float)


def dated(y, start=0):
    return pd.Series(y, TIMES[start : start + len(y)], name="sales")


def long(series, names="uvw"):
    """In Nixtla's form, the steps of all series mixed."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": TIMES[: len(y)], "y": y}) for name, y in zip(names, series, strict=False)
    ]
    return pd.concat(parts).sort_values("ds", kind="stable")


def columns_of(T, seed=3):
    return np.random.default_rng(seed).standard_normal((T, 2))


Y, SHORT = walk(), walk(45, seed=1)
TWO = np.column_stack([Y, walk(seed=2)])
CONTAINERS = {
    "array": Y,
    "one_channel": Y[:, None],
    "channels": TWO,
    "numbers": Y.tolist(),
    "list": [Y, SHORT],
    "list_of_channels": [TWO, TWO[:45]],
    "series": dated(Y),
    "periods": pd.Series(Y, pd.period_range("2015-01", periods=60, freq="M")),
    "integers": pd.Series(Y),
    "wide": pd.DataFrame(TWO, TIMES, ["a", "b"]),
    "list_of_series": [dated(Y), dated(SHORT)],
    "list_of_wide": [pd.DataFrame(TWO, TIMES, ["a", "b"]), pd.DataFrame(TWO[:45], TIMES[:45], ["a", "b"])],
    "long": long([Y, SHORT]),
}


def numbers(forecasts):
    """Values (n, h, C, K) or less of forecasts in any container, flat."""
    if isinstance(forecasts, pd.DataFrame) and "ds" in forecasts:
        forecasts = forecasts.drop(columns=["unique_id", "ds"])
    return np.concatenate([np.asarray(x, float).ravel() for x in forecasts]) if isinstance(forecasts, list) else (
        np.asarray(forecasts, float).ravel()
    )  # fmt: skip
