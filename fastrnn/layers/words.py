"""Vectors of words from a table and from their characters: Ling et al., EMNLP 2015; Plank et al., ACL 2016."""

from fastrnn.kernels.rows import copy_rows, scatter_add_rows
from fastrnn.layers.cells import zeros
from fastrnn.layers.readouts import LAST
from fastrnn.layers.stack import Stack
from fastrnn.packing import Rows, gathered


class WordEmbedding:
    """A word's own vector, and beside it the last states of a bidirectional network over its characters.

    Each spelling in a shard is read once, however often it occurs.

    Parameters
    ----------
    words, characters : Embedding
    cell : a cell of `fastrnn.layers.cells`
    hidden_size : int
        Units of each direction over the characters.
    dtype : {"float32", "float64"}
    """

    learns = True

    def __init__(self, words, characters, cell, hidden_size, dtype):
        self.words, self.characters, self.parameters = words, characters, words.parameters
        self.is_frozen = words.is_frozen  # the words' own vectors: the characters' are trained all the same
        self.recurrent = Stack(cell, characters.output_size, hidden_size, 1, True, True, dtype)
        self.parts = {"embedding": words, "character_embedding": characters, "character_recurrent": self.recurrent}
        self.limits = words.limits + characters.limits
        self.output_size = words.output_size + self.recurrent.output_size

    def forward(self, p, rows, keep=False, values="values"):
        """Add the calls from the stored words to vectors (S, output_size), and what `backward` needs.

        Given are their tokens by the name `values`, "characters", the second packing, of spellings, in "word_order",
        and in "words" the place of each stored word's among its shard's.
        """
        spellings, which = Rows(p, other=True, order="word_order"), gathered(p, "words", rows.rows)
        x, characters = self.characters.forward(p, spellings, keep, "characters")
        states, kept = self.recurrent.forward(p, x, spellings, keep=keep)
        features, _ = LAST.forward(p, states, spellings, 2)
        own, tokens = self.words.forward(p, rows, keep, values)
        out, (_, D), (_, width) = p.room(rows.S, self.output_size), own.shape, features.shape
        p.call(copy_rows, out, 0, own, 0, None, D)
        p.call(copy_rows, out, D, features, 0, which, width)
        return out, (tokens, characters, spellings, which, kept)

    def backward(self, p, memory, d_out):
        """Add the calls from d_out (S, >= output_size) to the gradients of tables and network."""
        tokens, characters, spellings, which, kept = memory
        D, width, n = self.words.output_size, self.recurrent.output_size, d_out.shape[0]
        if not self.is_frozen:
            self.words.backward(p, tokens, d_out)
        d_words, d_features = p.room(n, width), zeros(p, spellings.B, width)
        p.call(copy_rows, d_words, 0, d_out, D, None, width, stage="backward")
        p.call(scatter_add_rows, d_features, d_words, which, n, width, stage="backward")
        d_states = LAST.backward(p, d_features, None, spellings, 2, width)
        d_x = self.recurrent.backward(p, kept, d_states, spellings)
        self.characters.backward(p, characters, d_x, is_other=True)
