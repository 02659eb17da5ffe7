"""A whole fit: a bidirectional GRU of 64 on JapaneseVowels, in fastrnn and as a PyTorch loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measuring.measure import Contender

EPOCHS, BATCH, HIDDEN, RATE, CLIP = 60, 32, 64, 5e-3, 1.0


@dataclass
class Split:
    """Official training and test parts; labels are integers from 0."""

    X_train: list
    y_train: np.ndarray
    X_test: list
    y_test: np.ndarray

    @classmethod
    def japanese_vowels(cls):
        """Read the set that ships with fastrnn."""
        from fastrnn.datasets import load_japanese_vowels

        X_train, y_train = load_japanese_vowels(split="train")
        X_test, y_test = load_japanese_vowels(split="test")
        classes = np.unique(y_train)
        return cls(X_train, np.searchsorted(classes, y_train), X_test, np.searchsorted(classes, y_test))


def contender(name, train, split):
    """Return a contender that fits with one more seed at each call.

    Its result is ``accuracy``, the mean over all these fits on the test part.
    """
    fitted = []

    def fit():
        fitted.append(train(split.X_train, split.y_train, seed=len(fitted)))

    def result():
        return {"accuracy": np.mean([predict(split.X_test) == split.y_test for predict in fitted])}

    return Contender(name, fit, result)


def fastrnn_fit(X, y, seed, hidden=HIDDEN):
    """Fit a `SequenceClassifier` and return its ``predict``."""
    from fastrnn import SequenceClassifier

    classifier = SequenceClassifier(
        cell="gru",
        hidden_size=hidden,
        bidirectional=True,
        readout="last",
        solver="adam",
        learning_rate="constant",
        learning_rate_init=RATE,
        alpha=0.0,
        batch_size=BATCH,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        early_stopping=False,
        clip_norm=CLIP,
        random_state=seed,
    )
    if "recurrent_dropout" in classifier.get_params():  # older builds, which are compared too, have none
        classifier.set_params(recurrent_dropout=0.0)
    classifier.fit(X, y)
    if classifier.n_iter_ != EPOCHS:
        raise RuntimeError(f"stopped after {classifier.n_iter_} of {EPOCHS} epochs")
    return classifier.predict


def torch_fit(X, y, seed):
    """Fit the loop most people would write: packed sequences, Adam, clipping."""
    import torch
    from torch.nn.utils import clip_grad_norm_
    from torch.nn.utils.rnn import pack_sequence

    torch.manual_seed(seed)
    sequences = [torch.from_numpy(np.asarray(x, np.float32)) for x in X]
    labels = torch.from_numpy(np.asarray(y, np.int64))
    gru = torch.nn.GRU(X[0].shape[1], HIDDEN, bidirectional=True)
    head = torch.nn.Linear(2 * HIDDEN, int(labels.max()) + 1)
    parameters = [*gru.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=RATE)

    def logits(batch):
        _, h_n = gru(pack_sequence(batch, enforce_sorted=False))
        return head(torch.cat([h_n[0], h_n[1]], 1))

    for _ in range(EPOCHS):
        for rows in torch.randperm(len(sequences)).split(BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(logits([sequences[i] for i in rows]), labels[rows])
            loss.backward()
            clip_grad_norm_(parameters, CLIP)
            optimizer.step()

    def predict(X):
        with torch.inference_mode():
            return logits([torch.from_numpy(np.asarray(x, np.float32)) for x in X]).argmax(1).numpy()

    return predict
