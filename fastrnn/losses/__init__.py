"""Losses with their kernels, what a forecasting network says of numbers to come, and what outputs become as answers."""

from fastrnn.losses.answers import filled, logistic_answer, scaled_answer, softmax_answer
from fastrnn.losses.loss import (
    LEAST_SHARE,
    Loss,
    absolute,
    binary_cross_entropy,
    cross_entropy,
    huber,
    log_odds,
    log_probabilities,
    numbers_and_end,
    quantile_loss,
    regression_loss,
    squared,
)  # fmt: skip

__all__ = [
    "LEAST_SHARE", "Loss", "absolute", "binary_cross_entropy", "cross_entropy", "filled", "huber", "log_odds",
    "log_probabilities", "logistic_answer", "numbers_and_end", "quantile_loss", "regression_loss", "scaled_answer",
    "softmax_answer", "squared"]  # fmt: skip
