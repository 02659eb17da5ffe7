"""Vectors of words from a table and from their characters: Ling et al., EMNLP 2015; Plank et al., ACL 2016."""

import numpy as np

from fastrnn.kernels.rows import copy_rows, scatter_add_rows
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.readouts import Last
from fastrnn.layers.stack import Stack
from fastrnn.packing import Packing, count_shards


class WordEmbedding:
    """A word's own vector, and beside it the last states of a bidirectional network over its characters.

    Each word of a batch is read once, however often it occurs.

    Parameters
    ----------
    words, characters : Embedding
    cell : a cell of `fastrnn.layers.cells`
    hidden_size : int
        Units of each direction over the characters.
    dtype : {"float32", "float64"}
    """

    def __init__(self, words, characters, cell, hidden_size, dtype):
        self.words, self.characters = words, characters
        self.recurrent = Stack(cell, characters.output_size, hidden_size, 1, True, True, dtype)
        self.limits = words.limits + characters.limits
        self.is_frozen = False
        self.output_size = words.output_size + self.recurrent.output_size
        self._kept = None

    def __getstate__(self):
        return {**self.__dict__, "_kept": None}

    @property
    def parameters(self):
        """The table of words."""
        return self.words.parameters

    def freeze(self, is_frozen=True):
        """Leave the words' own vectors as they are from now on, or train them again."""
        self.words.freeze(is_frozen)

    @property
    def parts(self):
        return {"embedding": self.words, "character_embedding": self.characters, "character_recurrent": self.recurrent}

    def forward(self, tokens, keep=False):
        """tokens (S, 1 + L), a word's and its characters' (0 past its end), to vectors (S, output_size)."""
        spellings, which = _unique_rows(tokens[:, 1:])
        lengths = np.maximum((spellings > 0).sum(axis=1), 1)  # a word of no characters has one, 0
        packing = Packing(lengths, count_shards(lengths.size, self.recurrent.hidden_size))
        of_rows = spellings[packing.numbers, packing.steps]
        x = self.characters.forward(of_rows)
        states, _ = self.recurrent.forward(x, packing, keep=keep)
        features, _ = Last.forward(states, packing, 2)
        D, width = self.words.output_size, self.recurrent.output_size
        out = empty_aligned((len(tokens), self.output_size), x.dtype)
        out[:, :D] = self.words.forward(np.ascontiguousarray(tokens[:, 0]))
        copy_rows(out, D, features, 0, which, width)
        self._kept = (packing, of_rows, which) if keep else None
        return out

    def backward(self, tokens, d_out):
        """Add d_out (S, >= output_size) to the gradients of tables and network."""
        packing, of_rows, which = self._kept
        self._kept = None
        D, width = self.words.output_size, self.recurrent.output_size
        if not self.words.is_frozen:
            self.words.backward(np.ascontiguousarray(tokens[:, 0]), d_out)
        d_features = np.zeros((packing.n_sequences, width), d_out.dtype)
        scatter_add_rows(d_features, np.ascontiguousarray(d_out[:, D:]), which, width)
        d_states = Last.backward(d_features, None, packing, 2, width)
        d_x, _ = self.recurrent.backward(d_states)
        self.characters.backward(of_rows, d_x)


def _unique_rows(rows):
    """The different rows of (S, L) integers, and which of them each is."""
    rows = np.ascontiguousarray(rows)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], which.ravel()
