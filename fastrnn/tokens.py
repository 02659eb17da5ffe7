"""Ids of text, which estimators know from numbers by their type."""

import sys

import numpy as np

FREE_ROWS, FREE_OUTPUTS = 2**20, 2**17
"""A table of so many vectors, or a model of so many outputs, may have any gaps: hashed tokens, another's vocabulary."""
USED = 8
"""Of more at least one in so many must be there."""
NUMBER_THEM = "number them from 0 on: np.unique(tokens, return_inverse=True)[1] does so for all of them in one array"
NUMBER_THEM += ", and a Tokenizer, given each as a str, for what is still to come as well"


class Tokens(np.ndarray):
    """Ids (T,) of a text's tokens, from a `Tokenizer`: by this type estimators know them from numbers.

    Attributes
    ----------
    words : ndarray (T,), or None
        The place of each word as it was written among the spellings.
    spellings : ndarray (V, L), or None
        The characters of the words of all texts, 0 past a word's end.
    """

    words = spellings = None

    @classmethod
    def of(cls, ids, words=None, spellings=None):
        """An array with these attributes."""
        tokens = np.asarray(ids, np.int64).view(cls)
        tokens.words, tokens.spellings = words, spellings
        return tokens

    def __getitem__(self, key):
        ids = np.asarray(self)[key]
        return ids if ids.ndim == 0 else self.of(ids, None if self.words is None else self.words[key], self.spellings)

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return array[()]  # what is computed of ids is none

    def copy(self, order="C"):
        """Another array of the same words."""
        return self.of(np.array(self), self.words, self.spellings)

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return type(self).of, (np.asarray(self), self.words, self.spellings)

    def with_characters(self):
        """Rows (T, 1 + L) of a word's id and its characters'."""
        if self.spellings is None:
            raise ValueError("these ids have no characters, which a Tokenizer of words has unless max_characters=None")
        return np.hstack([np.asarray(self)[:, np.newaxis], self.spellings[self.words]])


class Characters(Tokens):
    """Those of text that is read character by character."""


def pickle_in_dask():
    """Have Dask pickle these where it moves them; as all arrays it would make plain ones of them."""

    def leave(tokens, context=None):
        raise NotImplementedError  # the next way is to pickle

    if (protocol := sys.modules.get("distributed.protocol")) is not None:
        protocol.dask_serialize.register(Tokens, leave)


pickle_in_dask()  # in a worker, where Dask is there first


def text_of(X):
    """The first sequence of X if it is of a `Tokenizer`, else None."""
    first = next(iter(X), None) if hasattr(X, "__len__") and not hasattr(X, "todense") else None
    return first if isinstance(first, Tokens) else None


def beside_ids(X):
    """What a `Tokenizer` tells of a text, beside its ids, as arrays by name; of other sequences nothing."""
    if (first := text_of(X)) is None:
        return {}
    arrays = {"is_read_by_character": np.array([isinstance(first, Characters)])}
    if first.spellings is None:
        return arrays
    rows = np.concatenate([ids.spellings[ids.words] for ids in X])
    spellings, words = np.unique(rows, axis=0, return_inverse=True)
    ends = np.cumsum([0, *map(len, X)])
    return arrays | {"spellings": spellings, "words": words.ravel(), "words_offsets": ends}


def check_gaps(sequences, name, free, column=0):
    """Refuse tokens, or those of the columns from `column` on, of which a table would be almost all for nothing."""
    if not sequences.values.size:
        return
    tokens = sequences.values.reshape(len(sequences.values), -1)
    tokens = tokens[:, column:] if column else tokens[:, 0]
    n_rows = int(tokens.max(initial=0)) + 1
    if n_rows <= free or n_rows <= USED * (n_different := np.unique(tokens).size):
        return
    k = sequences.number_of(int(tokens.argmax()) // (tokens.size // len(tokens)))
    found = f"{name}[{k}] holds the token {n_rows - 1}, for which a table would have {n_rows} rows"
    advice = "a Tokenizer with max_characters numbers characters" if column else NUMBER_THEM
    raise ValueError(f"{found}, but {name} has {n_different} different ones: {advice}")
