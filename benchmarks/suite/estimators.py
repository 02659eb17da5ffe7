"""A small fit on JapaneseVowels, and predictions, for each cell."""

from fastrnn import SequenceClassifier

from .mixins import FitBenchmark, PredictBenchmark


class _Cells:
    param_names = ["cell", "bidirectional"]
    params = [["lstm", "gru", "rnn"], [False, True]]

    def make(self, cell, bidirectional):
        return SequenceClassifier(
            cell=cell,
            hidden_size=64,
            bidirectional=bidirectional,
            learning_rate_init=5e-3,
            batch_size=32,
            max_iter=20,
            random_state=0,
        )


class Fit(_Cells, FitBenchmark):
    """Twenty epochs."""


class Predict(_Cells, PredictBenchmark):
    """Predictions of a net trained for twenty epochs."""
