"""scikit-learn's own checks over the estimators."""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks

from fastrnn import SequenceClassifier, SequenceRegressor

# A SequenceForecaster fits on series, not on X and y, as no check does: that it can be cloned, pickled and searched
# over a TimeSeriesSplit is in test_forecaster and test_backtest.
# Small, for the sake of time; the checks fit some hundreds of times.
ESTIMATORS = [SequenceClassifier(hidden_size=16), SequenceRegressor(hidden_size=32)]
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "a weight of 2 and two copies differ in "
    "float32's last places, and shuffled batches differ; test_weights_equal_repetition has it in "
    "float64 and in order"
}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_weights_equal_repetition(estimator):
    exact = clone(estimator).set_params(dtype="float64", shuffle=False, batch_size=1000)
    check_sample_weight_equivalence_on_dense_data(type(exact).__name__, exact)
