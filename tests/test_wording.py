"""Values in messages as a person writes them."""

import numpy as np
import pandas as pd
import pytest

from fastrnn.wording import counted, meant_as_share, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.int64(1), "1"),
        (np.str_("a"), "'a'"),
        (np.float32(0.5), "0.5"),
        (np.bool_(True), "True"),
        (np.arange(3), "[0, 1, 2]"),
        (np.array(["a", "b"]), "['a', 'b']"),
        (np.array(1), "array(1)"),
        ([np.int64(1), (np.str_("a"), 2)], "[1, ('a', 2)]"),
        ({np.str_("a"): np.float64(1)}, "{'a': 1.0}"),
        (np.datetime64("2024-01-01", "ns"), "'2024-01-01T00:00:00.000000000'"),
        (pd.Series([1, 2]), "0 1 1 2 dtype: int64"),
        (None, "None"),
        ("x" * 99, "'" + "x" * 56 + "..."),
    ],
)
def test_values(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (80, " (did you mean 0.8?)"),
        (np.float64(97.5), " (did you mean 0.975?)"),
        ([10, 50, 90], " (did you mean [0.1, 0.5, 0.9]?)"),
        (np.array([5.0, 95.0]), " (did you mean [0.05, 0.95]?)"),
        (1, ""), (100, ""), (0.5, ""), ([0.1, 50], ""), ([], ""), ("80", ""), (None, ""), (np.nan, ""),
    ],
)  # fmt: skip
def test_percentages_given_for_shares(value, text):
    assert meant_as_share(value) == text


def test_counted():
    assert [counted(n) for n in (0, np.int64(1), 2)] == ["0 steps", "1 step", "2 steps"]
