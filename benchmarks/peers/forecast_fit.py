"""A forecaster's fit: many series, the same network on the same inputs, in fastrnn and as a PyTorch loop.

fastrnn's time is that of `SequenceForecaster.fit` from the series on. PyTorch is given what that has prepared: the
scaled differences, and the gaps that its linear part leaves; padded, since the stretches' lengths differ by one step at
most. Both begin with the same weights and take the batches in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.measuring.measure import Contender

N, T, SEASON, CONTEXT, HORIZON = 64, 400, 24, 128, 24
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
EPOCHS, BATCH, RATE, CLIP = 10, 32, 1e-3, 1.0


@dataclass
class ForecastCase:
    """A network, and what a fit on the series has prepared for it.

    x (S, I) and targets (S, HORIZON) are the stretches' rows, one stretch after the other; weights begin.
    """

    cell: str
    H: int
    series: list
    x: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray
    weights: dict
    model, B, T = "forecaster", BATCH, CONTEXT

    @classmethod
    def of(cls, cell, H):
        """Prepare the inputs, and draw the weights."""
        series = make_series()
        # A rate that moves no float32 leaves the weights that a fit begins with.
        probe = forecaster(cell, H, max_iter=1, learning_rate_init=1e-30).fit(series)
        problem = probe._problem((series, None, None, None), None, None, False)
        sequences, parts = problem.sequences, probe.network_.parts
        weights = {
            f"{name}.{key}": part.parameters[key].copy() for name, part in parts.items() for key in part.parameters
        }
        return cls(cell, H, series, sequences.values, problem.targets, sequences.lengths, weights)


def make_series():
    """Return N series of T steps: a level, a season and noise."""
    rng, t = np.random.default_rng(0), np.arange(T)
    waves = np.sin(2 * np.pi * (t + rng.integers(SEASON, size=(N, 1))) / SEASON)
    return list(100 + 20 * waves + rng.standard_normal((N, T)).cumsum(axis=1))


def forecaster(cell, H, **settings):
    """Return the estimator."""
    from fastrnn import SequenceForecaster

    shape = {"horizon": HORIZON, "season": SEASON, "context": CONTEXT, "quantiles": LEVELS, "hidden_size": H}
    settings |= {"smoothing": False, "shrinkage": None}  # the loop in PyTorch has neither
    return SequenceForecaster(
        cell=cell, batch_size=BATCH, clip_norm=CLIP, learning_rate="constant", shuffle=False, random_state=0,
        **shape, **settings,
    )  # fmt: skip


def fastrnn_contender(name, case):
    """Return the whole fit."""
    model = forecaster(case.cell, case.H, max_iter=EPOCHS, learning_rate_init=RATE)
    return Contender(
        name, lambda: model.fit(case.series), lambda: {"loss": np.array(model.fit(case.series).loss_curve_)}
    )


def torch_contender(name, case):
    """Return the loop most people would write."""
    return Contender(name, lambda: torch_fit(case), lambda: {"loss": np.array(torch_fit(case))})


def torch_fit(case):
    """Fit, over stretches that are padded by a step at most; return the mean loss of each epoch."""
    import torch
    from torch.nn.utils import clip_grad_norm_
    from torch.nn.utils.rnn import pad_sequence

    lengths, n = torch.from_numpy(case.lengths), len(case.lengths)
    x, targets = (
        pad_sequence(torch.from_numpy(rows).split(case.lengths.tolist()), batch_first=True)
        for rows in (case.x, case.targets)
    )
    mask = torch.arange(x.shape[1]) < lengths[:, None]
    levels, total = torch.tensor(LEVELS), int(lengths.sum())
    network, head = torch_network(torch, case)
    parameters = [*network.parameters(), *head.parameters()]
    optimizer, losses = torch.optim.Adam(parameters, lr=RATE), []

    for _ in range(EPOCHS):
        epoch = 0.0
        for numbers in torch.arange(n).split(BATCH):
            outputs = head(network(x[numbers])[0])
            gaps = targets[numbers][..., None] - outputs.unflatten(-1, (HORIZON, len(LEVELS)))
            of_each = torch.maximum(levels * gaps, (levels - 1) * gaps).mean((-1, -2))
            loss = (of_each * mask[numbers]).sum() * n / (len(numbers) * total)
            optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(parameters, CLIP)
            optimizer.step()
            epoch += loss.item() * len(numbers) / n
        losses.append(epoch)
    return losses


def torch_network(torch, case):
    """Return layer and head with the case's weights."""
    layer = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[case.cell](case.x.shape[1], case.H, batch_first=True)
    head = torch.nn.Linear(case.H, case.targets.shape[1] * len(LEVELS))
    for part, module in (("recurrent", layer), ("head", head)):
        module.load_state_dict({key: torch.from_numpy(case.weights[f"{part}.{key}"]) for key in module.state_dict()})
    return layer, head
