"""A small fit on JapaneseVowels, and predictions, for each cell; and forecasts."""

import numpy as np

from fastrnn import SequenceClassifier, SequenceForecaster

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


class Forecast:
    """A fit of five epochs on 64 series of 400 steps, forecasts and a backtest of them; a forecast of one series."""

    param_names = ["cell"]
    params = [["lstm", "gru"]]

    def setup(self, cell):
        rng, t = np.random.default_rng(0), np.arange(400)
        waves = np.sin(2 * np.pi * (t + rng.integers(24, size=(64, 1))) / 24)
        self.series = list(100 + 20 * waves + rng.standard_normal((64, 400)).cumsum(axis=1))
        self.forecaster = SequenceForecaster(cell=cell, horizon=24, season=24, max_iter=5, random_state=0)
        self.forecaster.fit([y[:360] for y in self.series]).predict()

    def time_fit(self, cell):
        self.forecaster.fit(self.series)

    def peakmem_fit(self, cell):
        self.forecaster.fit(self.series)

    def time_predict(self, cell):
        self.forecaster.predict(history=self.series)

    def time_predict_one(self, cell):
        self.forecaster.predict(history=self.series[0])

    def time_backtest(self, cell):
        self.forecaster.backtest(self.series)

    def track_mase(self, cell):
        return self.forecaster.backtest(self.series).scores["SequenceForecaster"]["mase"]
