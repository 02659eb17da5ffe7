"""What the classes of the suite share, written once.

asv collects every class that is not abstract, so these are.
"""

from abc import ABC, abstractmethod

import numpy as np

from fastrnn.datasets import load_japanese_vowels
from fastrnn.layers import GRU, LSTM, RNN

LAYERS = {"lstm": LSTM, "gru": GRU, "rnn": RNN}


class LayerBenchmark(ABC):
    """A layer on a batch; parameters are the cell and (B, T, I, H)."""

    param_names = ["cell", "B, T, I, H"]
    params = [list(LAYERS), [(1, 100, 64, 64), (32, 100, 8, 32), (64, 50, 64, 128), (64, 25, 512, 512)]]

    def setup(self, cell, sizes):
        """Make the batch, and run once so that all is compiled."""
        B, T, I, H = sizes
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((T, B, I)).astype(np.float32)
        self.lengths = self.draw_lengths(rng, B, T)
        self.d_output = np.zeros((T, B, H), np.float32)
        last = T if self.lengths is None else self.lengths
        self.d_output[last - 1, np.arange(B)] = 1
        self.layer = self.make_layer(cell, I, H, "float32")
        self.run(self.layer)

    def make_layer(self, cell, I, H, dtype):
        """Return a layer with the same weights at each call, in either precision."""
        weights = LAYERS[cell](I, H, random_state=0).state_dict()
        layer = LAYERS[cell](I, H, dtype=dtype)
        layer.load_state_dict(weights)
        return layer

    def draw_lengths(self, rng, B, T):
        """Return the lengths of the batch: None, all steps."""
        return None

    @abstractmethod
    def run(self, layer):
        """Do what is timed; return the array whose error is tracked."""

    def time_run(self, cell, sizes):
        """Time one pass."""
        self.run(self.layer)

    def track_error(self, cell, sizes):
        """Largest error of float32 against float64, relative to the largest magnitude."""
        B, T, I, H = sizes
        exact = self.run(self.make_layer(cell, I, H, "float64"))
        return float(np.abs(self.run(self.layer) - exact).max() / np.abs(exact).max())

    track_error.unit = "relative"


class ClassifierBenchmark(ABC):
    """A classifier on JapaneseVowels."""

    @abstractmethod
    def make(self, *params):
        """Return the unfitted classifier."""

    def setup(self, *params):
        """Read the data and fit once, which compiles everything."""
        self.X_train, self.y_train = load_japanese_vowels(split="train")
        self.X_test, self.y_test = load_japanese_vowels(split="test")
        self.classifier = self.make(*params).fit(self.X_train, self.y_train)
        self.classifier.predict(self.X_test)

    def track_score(self, *params):
        """Accuracy on the test part."""
        return float(self.classifier.score(self.X_test, self.y_test))

    track_score.unit = "accuracy"


class FitBenchmark(ClassifierBenchmark):
    """Time and memory of a fit."""

    def time_fit(self, *params):
        """Time a whole fit."""
        self.make(*params).fit(self.X_train, self.y_train)

    def peakmem_fit(self, *params):
        """Peak memory of the process that fits."""
        self.make(*params).fit(self.X_train, self.y_train)


class PredictBenchmark(ClassifierBenchmark):
    """Time of predictions, for all the test part and for a single sequence."""

    def time_predict(self, *params):
        """Time 370 sequences at once."""
        self.classifier.predict(self.X_test)

    def time_predict_one(self, *params):
        """Time one sequence."""
        self.classifier.predict(self.X_test[:1])
