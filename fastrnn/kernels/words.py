"""Which different words a shard has: each is then read once."""

from fastrnn.kernels.caching import njit
from fastrnn.kernels.program import B_OTHER, BEFORE, BEFORE_OTHER, FIRST, FIRST_OTHER, S_OTHER, T_OTHER, B
from fastrnn.kernels.vectors import OPTIONS


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
    which (S,), letters (n,)    as `Sequences.spellings` has them
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
