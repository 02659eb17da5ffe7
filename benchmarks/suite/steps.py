"""A step at a time: a stream's step, and a sample learned online."""

import numpy as np

from fastrnn import SequenceClassifier
from fastrnn.online import OnlineClassifier

CELLS = ["lstm", "gru", "rnn"]


class Stream:
    """One step of one sequence, answered."""

    param_names = ["cell", "I, H"]
    params = [CELLS, [(8, 32), (64, 128)]]

    def setup(self, cell, sizes):
        I, H = sizes
        model = SequenceClassifier(cell=cell, hidden_size=H, bidirectional=False, max_iter=1, random_state=0)
        X = np.random.default_rng(0).standard_normal((10, 4, I))
        self.stream, self.x = model.fit(list(X), [0, 1] * 5).stream(), X[0, 0].astype(np.float32)
        self.stream.step(self.x)

    def time_step(self, cell, sizes):
        self.stream.step(self.x)


class Online:
    """One sample learned with 16 units."""

    param_names = ["cell", "gradient"]
    params = [CELLS, ["rtrl", "bptt"]]

    def setup(self, cell, gradient):
        self.model, self.x = OnlineClassifier(cell=cell, gradient=gradient, random_state=0), np.arange(4) / 4
        for k in range(50):
            self.model.learn_one(self.x, k % 3)

    def time_learn_one(self, cell, gradient):
        self.model.learn_one(self.x, 1)

    def time_predict_one(self, cell, gradient):
        self.model.predict_one(self.x)
