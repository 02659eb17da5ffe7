"""Which words are spelt alike, and which different ones a shard has: each is then read once."""

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.program import B_OTHER, BEFORE, BEFORE_OTHER, FIRST, FIRST_OTHER, S_OTHER, T_OTHER, B
from fastrnn.kernels.vectors import OPTIONS


@njit(**OPTIONS)
def _hash(row):
    """A number of the characters row[1:], alike for words that are."""
    mixed = np.uint64(0)
    for k in range(1, row.size):
        mixed = (mixed ^ np.uint64(row[k])) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return mixed


@njit(**OPTIONS)
def _are_alike(row, other):
    for k in range(1, row.size):
        if row[k] != other[k]:
            return False
    return True


@njit(**OPTIONS)
def spell(which, lengths, begins, slots, words):
    """which (S,) = the numbers of the words' (S, 1 + L) spellings, in the order of their coming; returns how many.

    Of each its length, and where in all numbers of `words` it begins, in lengths and begins (S,).  A word of no
    characters has one, 0.  slots: of -1, a power of two, twice as many as words at least.
    """
    S, width = words.shape
    n, last = 0, np.uint64(slots.size - 1)
    for s in range(S):
        slot = _hash(words[s]) & last
        while slots[slot] >= 0 and not _are_alike(words[s], words[begins[slots[slot]] // width]):
            slot = (slot + np.uint64(1)) & last
        if slots[slot] < 0:
            slots[slot], begins[n], lengths[n] = n, s * width + 1, 0
            for k in range(1, width):
                lengths[n] += words[s, k] > 0
            lengths[n] = max(lengths[n], 1)
            n += 1
        which[s] = slots[slot]
    return n


@njit(**OPTIONS)
def _sort(words, letters):
    """Sort the numbers of spellings, longest first, equally long ones in order."""
    for k in range(1, words.size):
        word = words[k]
        while k > 0 and letters[words[k - 1]] < letters[word]:
            words[k] = words[k - 1]
            k -= 1
        words[k] = word


@njit(**OPTIONS)
def deal_words(table, word_order, places, order, lengths, begins, which, letters, seen, room):
    """Let the second packing of shards, rows of `table`, be of the different words of their sequences.

    word_order (steps in all,)  the spellings' numbers, shard after shard, longest first
    places (S,)                 of each word the place of its spelling among those of its shard
    order, lengths, begins      the sequences, as `fastrnn.kernels.packing.pack` has them
    which (S,), letters (n,)    as `spell` gives them
    seen, room (n,)             of zeros, and what is overwritten
    """
    end, before = 0, 0
    for s in range(len(table)):
        record, first = table[s], end
        if record[BEFORE - 1] == 0:  # a batch begins
            before = 0
        numbers = order[record[FIRST - 1] : record[FIRST - 1] + record[B - 1]]
        for number in numbers:
            for row in range(begins[number], begins[number] + lengths[number]):
                if seen[which[row]] <= s:
                    seen[which[row]] = s + 1
                    word_order[end] = which[row]
                    end += 1
        words = word_order[first:end]
        _sort(words, letters)
        record[S_OTHER - 1] = 0
        for k in range(words.size):
            room[words[k]] = k
            record[S_OTHER - 1] += letters[words[k]]
        for number in numbers:
            for row in range(begins[number], begins[number] + lengths[number]):
                places[row] = room[which[row]]
        record[B_OTHER - 1], record[FIRST_OTHER - 1], record[T_OTHER - 1] = words.size, first, letters[words[0]]
        record[BEFORE_OTHER - 1] = before
        before += record[S_OTHER - 1]
