"""Scores that scikit-learn does not have: of forecasts, of spans, and of steps; and forecasts to compare with."""

from fastrnn.metrics.forecasts import coverage, drift, mase, mean_quantile_loss, naive, rmsse, seasonal_naive, smape
from fastrnn.metrics.tags import make_tagging_scorer, span_f1_score, span_precision_score, span_recall_score, step_score

__all__ = ["coverage", "drift", "make_tagging_scorer", "mase", "mean_quantile_loss", "naive", "rmsse",
           "seasonal_naive", "smape", "span_f1_score", "span_precision_score", "span_recall_score",
           "step_score"]  # fmt: skip
