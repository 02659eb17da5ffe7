"""RNN, LSTM and GRU with noise in their recurrence: `fastrnn.kernels.noise` has the equations."""

from numbers import Real

import numpy as np

from fastrnn.kernels import noise
from fastrnn.kernels.rows import drop, fill, pick
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import GRUCell, LSTMCell, RNNCell, direction
from fastrnn.programs import NOTHING
from fastrnn.wording import shown

KEYS_OF_NOISE = 2**16
"""The distance of the keys of a level's draws; in between are those of other levels."""


class _Noisy:
    """What the three cells share, before the cell itself in the order of classes.

    Parameters
    ----------
    zoneout, recurrent_dropout : float
        The shares of a new state that stay as the old one is, and of the old state that products do not see.
    """

    shares_units, is_noisy = False, True

    def __init__(self, zoneout, recurrent_dropout, *own):
        super().__init__(*own)
        self.zoneout, self.recurrent_dropout = zoneout, recurrent_dropout

    def draw(self, p, room, rows, dropout, level):
        """Add the calls that draw what a pass over a level needs, or that set its means where nothing is dropped."""
        (D, _, H), dtype = room["h"].shape, p.dtype
        P, draws = padded(H, dtype), dropout.key is not None
        where = (rows.numbers, rows.places, rows.steps) if draws else ()
        room |= dict.fromkeys(("w", "v", "mask", "h_old"), NOTHING)
        for k, name in enumerate("wv"[: len(self.states)] if self.zoneout > 0 else ""):
            room[name] = p.room(D, rows.S, P)
            for d in range(D):
                share, key = direction(p, room[name], d), dropout.first + level + KEYS_OF_NOISE * (1 + 3 * d + k)
                if draws:
                    p.call(pick, share, dropout.key, key, *where, int(self.zoneout * 2**16))
                else:
                    p.call(fill, share, np.array([1 - self.zoneout], dtype))
        if draws and self.recurrent_dropout > 0:
            room["mask"], room["h_old"] = p.room(D, rows.B, P), p.room(D, rows.S, H)
            for d in range(D):
                # The first rows are those of the sequences' first steps.
                mask, key = direction(p, room["mask"], d), dropout.first + level + KEYS_OF_NOISE * (3 + 3 * d)
                p.call(fill, mask, np.ones(1, dtype))
                p.call(drop, mask, mask, dropout.key, key, *where, int(self.recurrent_dropout * 2**16))

    def _scratch(self, p, rows, D, P):
        return p.room(D, rows.B, 3 * P)


class _NoisyGated(_Noisy):
    """What LSTM and GRU share."""

    def forward(self, p, room, x, panels, rows, keep):
        drawn = [room[name] for name in ("w", "v", "mask", "h_old")]
        if all(array is NOTHING for array in drawn):
            super().forward(p, room, x, panels, rows, keep)
            return
        arguments = room["h"], room["c"], room["d_gates"], x, *drawn, panels, rows.starts, rows.counts
        p.share(noise.forward, *arguments, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        d_h, d_c = d_states if "c" in self.states else (*d_states, NOTHING)
        D, _, P = d_h.shape
        kept = (room[name] for name in ("h", "c", "w", "v", "mask"))
        scratch = self._scratch(p, rows, D, P), np.zeros(P, p.dtype)
        arguments = d_h, d_c, room["d_gates"], d_out, *kept, *scratch, hh, rows.starts, rows.counts, bptt_steps
        p.share(noise.backward, *arguments, tasks=D, stage="backward")


class NoisyLSTMCell(_NoisyGated, LSTMCell):
    """As `LSTMCell`."""


class NoisyGRUCell(_NoisyGated, GRUCell):
    """As `GRUCell`."""


class NoisyRNNCell(_Noisy, RNNCell):
    """As `RNNCell`."""

    def room(self, p, rows, D, H, keep):
        return {**super().room(p, rows, D, H, keep), "d_gates": p.room(D, rows.S, padded(H, p.dtype))}

    def forward(self, p, room, x, panels, rows, keep):
        arrays = (room[name] for name in ("w", "mask", "h_old"))
        arguments = room["h"], room["d_gates"], x, *arrays, panels, rows.starts, rows.counts, self.code
        p.share(noise.forward_rnn, *arguments, tasks=x.shape[0])

    def backward(self, p, room, d_states, d_out, hh, rows, bptt_steps):
        (d_h,), (D, _, P) = d_states, d_states[0].shape
        arrays = d_h, room["d_gates"], d_out, room["w"], room["mask"], self._scratch(p, rows, D, P), hh
        more = rows.starts, rows.counts, self.code, bptt_steps, room["h"].shape[2]
        p.share(noise.backward_rnn, *arrays, *more, tasks=D, stage="backward")


NOISY = {LSTMCell: NoisyLSTMCell, GRUCell: NoisyGRUCell, RNNCell: NoisyRNNCell}


def noisy(cell, zoneout, recurrent_dropout):
    """The cell, with noise if one of the two is not 0; a ValueError if it has no such form."""
    rates = {"zoneout": zoneout, "recurrent_dropout": recurrent_dropout}
    for name, value in rates.items():
        if not isinstance(value, Real) or not 0 <= value < 1:
            raise ValueError(f"{name} must be in [0, 1); got {shown(value)}")
    if not any(rates.values()):
        return cell
    if type(cell) not in NOISY:
        what = ", ".join(f"{name}={value}" for name, value in rates.items() if value)
        raise ValueError(f"{what} is for the plain RNN, LSTM and GRU (reset_after=True): leave it out")
    return NOISY[type(cell)](zoneout, recurrent_dropout, *cell.options)
