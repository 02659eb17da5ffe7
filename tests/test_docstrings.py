"""What docstrings say of defaults is what signatures have."""

import inspect
import re

import pytest

import fastrnn
from fastrnn.online import OnlineClassifier, OnlineRegressor

ESTIMATORS = [getattr(fastrnn, name) for name in fastrnn.__all__ if name.startswith(("Sequence", "Vector"))]
ESTIMATORS += [OnlineClassifier, OnlineRegressor]


def documented(estimator):
    """Defaults by name, of the parameters that the docstring lists."""
    text = inspect.getdoc(estimator).split("Parameters\n----------\n", 1)[1].split("\nAttributes\n", 1)[0]
    return dict(re.findall(r"^(\w+) : .*?default=(.+)$", text, re.M))


def defaults(estimator):
    return {name: p.default for name, p in inspect.signature(estimator).parameters.items()}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_defaults_are_those_documented(estimator):
    actual = defaults(estimator)
    for name, text in documented(estimator).items():
        assert repr(actual[name]).replace("'", '"') == text or float(text) == actual[name], name


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_parameters_that_are_not_listed_are_the_classifiers(estimator):
    classifier, listed = defaults(fastrnn.SequenceClassifier), documented(estimator)
    for name, default in defaults(estimator).items():
        assert name in listed or default == classifier[name], name
