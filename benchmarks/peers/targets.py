"""What is asked of the ratios."""

from __future__ import annotations

from benchmarks.peers.sections import CELLS

# What is asked of a cell: (geometric mean of the ratios, least ratio).
TARGETS = {
    "infer": {"lstm": (1.4, 1.0), "gru": (1.6, 1.0), "rnn": (3.0, 1.0)},
    "train": {"lstm": (2.5, 1.2), "gru": (10.0, 1.3), "rnn": (10.0, 1.3)},
    "ragged": {"lstm": (3.0, 3.0), "gru": (3.0, 3.0)},
    "models": {"lstm": (2.6, 2.0), "gru": (7.5, 2.0)},
    "ragged-models": {"lstm": (4.0, 2.0), "gru": (10.0, 2.0)},
    "step": dict.fromkeys(CELLS, (0.0, 2.0)),
    "fit": {"gru": (20.0, 20.0)},
    "forecast": {"lstm": (1.8, 1.8), "gru": (5.0, 5.0)},
}


def least_ratio(section, cell, H):
    """Return the ratio asked of a single point."""
    if section == "step" and H > 32:
        return 1.25
    return 0.95 if section == "infer" and H > 256 else TARGETS[section][cell][1]
