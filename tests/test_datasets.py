import numpy as np
import pytest

from fastrnn.datasets import (
    NUMBER_AGREEMENT_VOCABULARY,
    load_air_passengers,
    load_japanese_vowels,
    make_adding_problem,
    make_binary_addition,
    make_copy_memory,
    make_number_agreement,
)

MAKERS = [make_binary_addition, make_adding_problem, make_copy_memory, make_number_agreement]


def as_numbers(bits):
    """Read (n, T) bits, low bit first, as whole numbers."""
    return bits.astype(np.int64) @ (1 << np.arange(bits.shape[1]))


# Counts of the UCI page and files: `size_ae.train`, `size_ae.test`.
@pytest.mark.parametrize(
    ("split", "per_speaker", "longest"), [("train", [30] * 9, 26), ("test", [31, 35, 88, 44, 29, 24, 40, 50, 29], 29)]
)
def test_japanese_vowels_has_the_published_counts(split, per_speaker, longest):
    X, y = load_japanese_vowels(split)
    assert len(X) == len(y) == sum(per_speaker)
    assert np.bincount(y)[1:].tolist() == per_speaker
    lengths = [len(sequence) for sequence in X]
    assert (min(lengths), max(lengths)) == (7, longest)
    assert all(sequence.shape[1] == 12 and sequence.dtype == np.float64 for sequence in X)


def test_japanese_vowels_keeps_every_digit_of_the_text_files():
    X, y = load_japanese_vowels()
    # First and last frame of the first training and the last test utterance, as printed.
    assert X[0][0, :4].tolist() == [1.860936, -0.207383, 0.261557, -0.214562]
    assert X[0][-1, 0] == 1.261441
    values = np.concatenate(X)
    np.testing.assert_array_equal(values, np.round(values, 6))


def test_japanese_vowels_without_a_split_is_train_then_test():
    X, y = load_japanese_vowels()
    X_train, y_train = load_japanese_vowels("train")
    X_test, y_test = load_japanese_vowels("test")
    for sequence, expected in zip(X, X_train + X_test, strict=True):
        np.testing.assert_array_equal(sequence, expected)
    np.testing.assert_array_equal(y, np.concatenate([y_train, y_test]))


@pytest.mark.parametrize("split", ["valid", "TRAIN", 0, ["train"]])
def test_japanese_vowels_names_an_unknown_split(split):
    with pytest.raises(ValueError, match="but must be 'train', 'test' or None") as error:
        load_japanese_vowels(split)
    assert f"split is {split!r}" in str(error.value)


def test_air_passengers_has_every_month():
    y, months = load_air_passengers()
    np.testing.assert_array_equal(months, np.arange("1949-01", "1961-01", dtype="datetime64[M]"))
    assert y.shape == (144,) and y.dtype == np.float64
    # Box and Jenkins, Series G: the first and the last year.
    assert y[:12].tolist() == [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118]
    assert y[-12:].tolist() == [417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432]


@pytest.mark.parametrize("n_bits", [1, 7, 62])
def test_binary_addition_adds(n_bits):
    X, y = make_binary_addition(n_samples=200, n_bits=n_bits, random_state=0)
    assert X.shape == (200, n_bits + 1, 2) and X.dtype == np.float64
    assert y.shape == (200, n_bits + 1) and y.dtype == np.int64
    assert set(np.unique(X)) == {0, 1} and set(np.unique(y)) == {0, 1}
    assert not X[:, -1].any()
    np.testing.assert_array_equal(as_numbers(X[:, :, 0]) + as_numbers(X[:, :, 1]), as_numbers(y))


def test_binary_addition_can_give_all_pairs_in_order():
    X, y = make_binary_addition(n_samples=None, n_bits=3)
    first, second = np.divmod(np.arange(64), 8)
    np.testing.assert_array_equal(as_numbers(X[:, :, 0]), first)
    np.testing.assert_array_equal(as_numbers(X[:, :, 1]), second)
    np.testing.assert_array_equal(as_numbers(y), first + second)


@pytest.mark.parametrize("n_steps", [2, 3, 100])
def test_adding_problem_sums_one_value_of_each_half(n_steps):
    X, y = make_adding_problem(n_samples=300, n_steps=n_steps, random_state=0)
    values, marks = X[:, :, 0], X[:, :, 1]
    assert X.shape == (300, n_steps, 2)
    assert values.min() >= 0 and values.max() < 1
    assert np.isin(marks, (0, 1)).all()
    assert (marks[:, : n_steps // 2].sum(axis=1) == 1).all()
    assert (marks[:, n_steps // 2 :].sum(axis=1) == 1).all()
    # Every step of a half is marked in some sequence.
    assert marks.any(axis=0).all()
    np.testing.assert_allclose((values * marks).sum(axis=1), y, rtol=1e-15)


@pytest.mark.parametrize(("n_blanks", "n_symbols", "n_copied"), [(100, 8, 10), (1, 1, 1)])
def test_copy_memory_asks_for_the_symbols_at_the_end(n_blanks, n_symbols, n_copied):
    X, y = make_copy_memory(50, n_blanks, n_symbols, n_copied, random_state=0)
    assert X.shape == y.shape == (50, n_blanks + 2 * n_copied)
    symbols, rest = np.split(X, [n_copied], axis=1)
    blanks, markers = np.split(rest, [n_blanks - 1], axis=1)
    assert set(np.unique(symbols)) == set(range(1, n_symbols + 1))
    assert (blanks == 0).all()
    assert (markers == n_symbols + 1).all() and markers.shape[1] == n_copied + 1
    np.testing.assert_array_equal(y[:, -n_copied:], symbols)
    assert (y[:, :-n_copied] == 0).all()


def test_number_agreement_is_decided_by_the_first_noun_alone():
    X, y = make_number_agreement(2000, max_intervening=4, random_state=0, as_words=True)
    numbers_of = {"keys": "plural", "key": "singular"}
    for noun in ("cabinet", "door", "author", "book", "senator", "farmer", "picture"):
        numbers_of |= {noun: "singular", noun + "s": "plural"}
    numbers = [[numbers_of[word] for word in words if word in numbers_of] for words in X]
    assert [sentence[0] for sentence in numbers] == y.tolist()
    # Nouns between subject and verb: 0 to 4 of them, as often of the other number as of its own.
    between = np.array([len(sentence) - 1 for sentence in numbers])
    assert set(between) == {0, 1, 2, 3, 4}
    misleading = sum(sentence[1:].count(other(sentence[0])) for sentence in numbers)
    assert misleading / between.sum() == pytest.approx(0.5, abs=0.05)
    assert np.mean(y == "plural") == pytest.approx(0.5, abs=0.05)


def other(number):
    return {"singular": "plural", "plural": "singular"}[number]


def test_number_agreement_gives_the_same_sentences_as_tokens_and_as_words():
    tokens, y = make_number_agreement(50, random_state=3)
    words, y_words = make_number_agreement(50, random_state=3, as_words=True)
    assert all(sequence.ndim == 1 and sequence.dtype == np.int64 for sequence in tokens)
    assert [[NUMBER_AGREEMENT_VOCABULARY[t] for t in sequence] for sequence in tokens] == words
    assert y.tolist() == y_words.tolist()
    assert len({len(sequence) for sequence in tokens}) > 5
    assert len(set(NUMBER_AGREEMENT_VOCABULARY)) == len(NUMBER_AGREEMENT_VOCABULARY)


def test_number_agreement_without_intervening_nouns_is_one_noun_phrase():
    X, _ = make_number_agreement(100, max_intervening=0, random_state=0, as_words=True)
    assert {len(words) for words in X} == {2, 3}


@pytest.mark.parametrize("make", MAKERS)
def test_makers_repeat_themselves_for_a_seed(make):
    X, y = make(20, random_state=1)
    X_again, y_again = make(20, random_state=np.random.RandomState(1))
    X_other, _ = make(20, random_state=2)
    for sequence, again in zip(X, X_again, strict=True):
        np.testing.assert_array_equal(sequence, again)
    np.testing.assert_array_equal(y, y_again)
    assert any(not np.array_equal(a, b) for a, b in zip(X, X_other, strict=True))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("n_samples", "error", "message"), [(0, ValueError, "n_samples == 0, must be >= 1"), (2.5, TypeError, "not float")]
)
def test_makers_check_the_number_of_samples(make, n_samples, error, message):
    with pytest.raises(error, match=message):
        make(n_samples)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (make_binary_addition, {"n_bits": 0}, "n_bits == 0, must be >= 1"),
        (make_binary_addition, {"n_bits": 63}, "n_bits == 63, must be <= 62"),
        (make_binary_addition, {"n_samples": None, "n_bits": 11}, "n_bits up to 10"),
        (make_adding_problem, {"n_steps": 1}, "n_steps == 1, must be >= 2"),
        (make_copy_memory, {"n_blanks": 0}, "n_blanks == 0, must be >= 1"),
        (make_copy_memory, {"n_symbols": 0}, "n_symbols == 0, must be >= 1"),
        (make_copy_memory, {"n_copied": 0}, "n_copied == 0, must be >= 1"),
        (make_number_agreement, {"max_intervening": -1}, "max_intervening == -1, must be >= 0"),
    ],
)
def test_makers_name_the_argument_out_of_range(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)
