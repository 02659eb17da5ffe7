"""Tokenizer as its users meet it."""

import copy
import pickle
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from samples import run_script
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from fastrnn import SequenceClassifier
from fastrnn.preprocessing import Tokenizer

TEXTS = ["the cat sat on the mat", "the dog sat", "a cat"]
SPLIT = [["Mary", "sees", "New York"], ["Mary", "Sees"]]


def ids_of(tokenizer, text):
    return tokenizer.transform([text])[0].tolist()


def objects(items):
    out = np.empty(len(items), object)
    for k, item in enumerate(items):
        out[k] = item
    return out


class Framed:
    """What a data frame or its column shows: a shape, and an iterator (of a frame: over names)."""

    def __init__(self, items, shape):
        self.items, self.shape = items, shape

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        return iter(self.items)


# ------------------------------------------------------------------------------- ids


def test_ids_follow_counts_then_the_alphabet():
    tokenizer = Tokenizer().fit(TEXTS)
    expected = {"the": 1, "cat": 2, "sat": 3, "a": 4, "dog": 5, "mat": 6, "on": 7}
    assert tokenizer.vocabulary_ == expected
    assert list(tokenizer.vocabulary_) == list(expected)
    assert tokenizer.n_tokens_ == 8
    assert tokenizer.start_token_ is tokenizer.end_token_ is None
    assert tokenizer.n_characters_ == 2 + len(tokenizer.character_vocabulary_)
    plain = Tokenizer(max_characters=None).fit(TEXTS)
    assert plain.character_vocabulary_ is plain.n_characters_ is None
    assert ids_of(tokenizer, "the mat") == [1, 6]


def test_the_order_of_ids_does_not_depend_on_that_of_the_texts_or_on_hashes():
    expected = Tokenizer().fit(TEXTS).vocabulary_
    assert list(Tokenizer().fit(TEXTS[::-1]).vocabulary_.items()) == list(expected.items())
    script = f"from fastrnn.preprocessing import Tokenizer\nprint(Tokenizer(level='char').fit({TEXTS}).vocabulary_)"
    expected = f"{Tokenizer(level='char').fit(TEXTS).vocabulary_}\n"
    assert run_script(script, PYTHONHASHSEED=1) == expected


@pytest.mark.parametrize("texts", [["a b", "c"], ["a b", "c a"]], ids=["ragged", "equally_long"])
@pytest.mark.parametrize("options", [{}, {"max_characters": 3}], ids=["ids", "characters"])
def test_transform_gives_a_1d_object_array_of_integers(texts, options):
    X = Tokenizer(**options).fit_transform(texts)
    assert X.shape == (2,) and X.dtype == object
    assert all(x.dtype == np.int64 and x.ndim == (2 if options else 1) for x in X)


def test_unknown_words_get_0():
    assert ids_of(Tokenizer().fit(TEXTS), "the Cat, the bird") == [1, 0, 0, 1, 0]


def test_rare_words_are_unknown():
    tokenizer = Tokenizer(min_count=2).fit(TEXTS)
    assert tokenizer.vocabulary_ == {"the": 1, "cat": 2, "sat": 3}
    assert ids_of(tokenizer, "the dog sat") == [1, 0, 3]
    assert list(Tokenizer(min_count=3).fit(TEXTS).vocabulary_) == ["the"]


def test_max_tokens_keeps_the_most_frequent_and_of_equals_the_first_in_the_alphabet():
    tokenizer = Tokenizer(max_tokens=5).fit(TEXTS)
    assert tokenizer.vocabulary_ == {"the": 1, "cat": 2, "sat": 3, "a": 4}
    assert tokenizer.n_tokens_ == 5
    framed = Tokenizer(max_tokens=5, start=True, end=True).fit(TEXTS)
    assert framed.vocabulary_ == {"the": 3, "cat": 4}
    assert framed.n_tokens_ == 5
    assert Tokenizer(max_tokens=100).fit(TEXTS).n_tokens_ == 8
    assert list(Tokenizer(max_tokens=5, min_count=3).fit(TEXTS).vocabulary_) == ["the"]


@pytest.mark.parametrize(
    ("start", "end", "ids", "names"),
    [
        (True, True, [1, 3, 2], ["<unknown>", "<start>", "<end>", "a"]),
        (True, False, [1, 2], ["<unknown>", "<start>", "a"]),
        (False, True, [2, 1], ["<unknown>", "<end>", "a"]),
        (False, False, [1], ["<unknown>", "a"]),
    ],
)
def test_start_and_end(start, end, ids, names):
    tokenizer = Tokenizer(start=start, end=end).fit(["a"])
    assert ids_of(tokenizer, "a") == ids
    assert tokenizer.get_feature_names_out().tolist() == names
    assert tokenizer.n_tokens_ == len(names)
    assert tokenizer.start_token_ == (1 if start else None)
    assert tokenizer.end_token_ == (1 + start if end else None)
    assert tokenizer.inverse_transform([ids]) == ["a"]


def test_with_a_start_or_an_end_a_text_may_be_empty():
    tokenizer = Tokenizer(start=True, end=True).fit(["a", ""])
    assert ids_of(tokenizer, " ") == [1, 2]
    assert ids_of(Tokenizer(end=True).fit([["a"]]), []) == [1]
    assert tokenizer.inverse_transform([[1, 2]]) == [""]
    with_characters = Tokenizer(end=True, max_characters=2).fit(["a"])
    assert ids_of(with_characters, "") == [[1, 0]]


# --------------------------------------------------------------------------- splitting


@pytest.mark.parametrize("text", ["It's 5 o'clock, Mr. Smith!", "Été à Zürich", "a_b  c\t\nd"])
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("strip_accents", [None, "ascii", "unicode"])
@pytest.mark.parametrize("pattern", [r"\w+|[^\w\s]", r"(?u)\b\w\w+\b", r"[a-z]+"])
def test_words_are_those_of_count_vectorizer(text, lowercase, strip_accents, pattern):
    options = {"lowercase": lowercase, "strip_accents": strip_accents, "token_pattern": pattern}
    tokenizer = Tokenizer(**options).fit([text])
    expected = CountVectorizer(**options).build_analyzer()(text)
    assert tokenizer.inverse_transform(tokenizer.transform([text])) == [" ".join(expected)]


def test_punctuation_marks_are_words():
    tokenizer = Tokenizer()
    ids = tokenizer.fit_transform(["Well, it's done!"])
    assert tokenizer.inverse_transform(ids) == ["Well , it ' s done !"]


def test_characters():
    text = "Naïve  \U0001f600\n"
    tokenizer = Tokenizer(level="char").fit([text])
    assert list(tokenizer.vocabulary_) == [" ", "\n", "N", "a", "e", "v", "ï", "\U0001f600"]
    assert len(ids_of(tokenizer, text)) == len(text)
    assert tokenizer.inverse_transform(tokenizer.transform([text, "Nix"])) == [text, "N\ufffd\ufffd"]
    plain = Tokenizer(level="char", lowercase=True, strip_accents="unicode").fit([text])
    assert plain.inverse_transform(plain.transform([text])) == ["naive  \U0001f600\n"]


@pytest.mark.parametrize("text", ["\U0001f469‍\U0001f680", "e\u0301", "\0x", "नमस्ते"], ids=ascii)
def test_every_character_survives_a_round_trip(text):
    tokenizer = Tokenizer(level="char")
    assert tokenizer.inverse_transform(tokenizer.fit_transform([text])) == [text]


def test_composed_and_decomposed_accents():
    composed, decomposed = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))
    tokenizer = Tokenizer(level="word").fit([composed])
    assert ids_of(tokenizer, composed) == [1]
    assert ids_of(tokenizer, decomposed) == [0] * 4  # two accents, and what they part
    stripped = Tokenizer(level="word", strip_accents="unicode").fit([composed])
    assert stripped.vocabulary_ == {"ete": 1}
    assert ids_of(stripped, decomposed) == [1]


def test_an_emoji_is_a_word():
    tokenizer = Tokenizer().fit(["fine \U0001f600\U0001f600!"])
    assert ids_of(tokenizer, "\U0001f600 fine") == [1, 3]


@pytest.mark.parametrize("level", ["word", "char"])
def test_tokens_that_are_given_are_not_split(level):
    tokenizer = Tokenizer(level=level).fit(SPLIT)
    assert tokenizer.vocabulary_ == {"Mary": 1, "New York": 2, "Sees": 3, "sees": 4}
    assert ids_of(tokenizer, ["New York", "York"]) == [2, 0]
    lower = Tokenizer(level=level, lowercase=True).fit(SPLIT)
    assert lower.vocabulary_ == {"mary": 1, "sees": 2, "new york": 3}


def test_a_token_that_is_given_stays_a_step_whatever_is_stripped():
    tokenizer = Tokenizer(strip_accents="unicode", max_characters=1).fit([["a", "\u0301", "b"]])
    assert len(ids_of(tokenizer, ["\u0301", "a"])) == 2


@pytest.mark.parametrize(
    "X", [TEXTS, tuple(TEXTS), np.array(TEXTS), objects(TEXTS)], ids=["list", "tuple", "strings", "objects"]
)
def test_texts_in_any_container(X):
    expected = Tokenizer().fit(TEXTS)
    tokenizer = Tokenizer().fit(X)
    assert tokenizer.vocabulary_ == expected.vocabulary_
    for x, y in zip(tokenizer.transform(X), expected.transform(TEXTS), strict=True):
        assert x.tolist() == y.tolist()


@pytest.mark.parametrize("container", [list, tuple, np.array, objects])
@pytest.mark.parametrize("outer", [list, tuple, objects])
def test_tokens_in_any_container(container, outer):
    tokenizer = Tokenizer().fit(outer([container(x) for x in SPLIT]))
    assert tokenizer.vocabulary_ == Tokenizer().fit(SPLIT).vocabulary_
    assert {type(token) for token in tokenizer.vocabulary_} == {str}


def test_a_column_of_a_frame():
    column = Framed(TEXTS, shape=(3,))
    assert Tokenizer().fit(column).vocabulary_ == Tokenizer().fit(TEXTS).vocabulary_


# --------------------------------------------------------------- characters beside words


def test_characters_beside_words():
    tokenizer = Tokenizer(max_characters=3).fit(["abca aXb", "abca ab"])
    # Of the first three of each word: a four times, b four times, c twice, X once.
    assert tokenizer.character_vocabulary_ == {"a": 2, "b": 3, "c": 4}
    assert tokenizer.n_characters_ == 5
    assert tokenizer.vocabulary_ == {"abca": 1, "aXb": 2, "ab": 3}
    assert ids_of(tokenizer, "abca aXb") == [[1, 2, 3, 4], [2, 2, 1, 3]]
    assert ids_of(tokenizer, "b? cab") == [[0, 3, 0, 0], [0, 1, 0, 0], [0, 4, 2, 3]]


def test_only_characters_that_training_reads_are_known():
    tokenizer = Tokenizer(max_characters=1).fit(["ax bx", "ax bx"])
    assert tokenizer.character_vocabulary_ == {"a": 2, "b": 3}


@pytest.mark.parametrize("X", [["Été été Été"], [["Été", "été", "Été"]]], ids=["text", "tokens"])
def test_capitals_and_accents_stay_visible(X):
    tokenizer = Tokenizer(lowercase=True, strip_accents="unicode", max_characters=3)
    ids = tokenizer.fit_transform(X)[0]
    assert tokenizer.vocabulary_ == {"ete": 1}
    assert tokenizer.character_vocabulary_ == {"é": 2, "t": 3, "É": 4}
    assert ids.tolist() == [[1, 4, 3, 2], [1, 2, 3, 2], [1, 4, 3, 2]]


def test_words_and_characters_stay_together_where_lowercasing_changes_lengths():
    text = "İstanbul e\u0301 x"  # the first letter lower-cased is two characters
    tokenizer = Tokenizer(lowercase=True, strip_accents="unicode", max_characters=2)
    ids = tokenizer.fit_transform([text])[0]
    assert tokenizer.inverse_transform([ids]) == ["istanbul e x"]
    assert ids.shape == (3, 3)


def test_start_and_end_have_no_characters():
    tokenizer = Tokenizer(start=True, end=True, max_characters=2).fit(["aa bb"])
    assert ids_of(tokenizer, "aa b") == [[1, 0, 0], [3, 2, 2], [0, 3, 0], [2, 0, 0]]
    assert tokenizer.inverse_transform(tokenizer.transform(["aa bb"])) == ["aa bb"]


@pytest.mark.parametrize("most", [4, 7, 10**8, 2**62])
def test_rows_have_room_for_the_longest_word(most):
    texts = ["a bcde", "fghijk", ""]
    tokenizer = Tokenizer(max_characters=most, end=True).fit(texts * 2)
    X, alone = tokenizer.transform(texts), tokenizer.transform(["a a"])[0]
    width = min(most, 6)
    assert [x.shape for x in X] == [(3, 1 + width), (2, 1 + width), (1, 1 + width)]
    assert alone.shape == (3, 2) and (alone[0] == X[0][0, :2]).all() and not X[0][0, 2:].any()
    assert tokenizer.inverse_transform(X) == [" ".join(text.split()) for text in texts]
    assert tokenizer.inverse_transform([alone]) == ["a a"]


@pytest.mark.parametrize(
    ("texts", "k"),
    [(["a b c d e"] * 4 + ["x" * 40], 4), ([["y" * 50, *("abc" * 5)]], 0), (["a b"] * 20 + ["z" * 30], 20)],
)
def test_a_word_that_all_rows_would_have_room_for(texts, k, monkeypatch):
    monkeypatch.setattr("fastrnn.preprocessing.tokenizer.FREE_ROOM", 100)
    tokenizer = Tokenizer(max_characters=10**6).fit(["a b"])
    match = rf"X\[{k}\] has a word of \d0 characters, .*lower max_characters \(now 1000000\) to (\d+)"
    with pytest.raises(ValueError, match=match) as error:
        tokenizer.transform(texts)
    most = int(re.search(match, str(error.value)).group(1))
    Tokenizer(max_characters=most).fit(["a b"]).transform(texts)
    tokenizer.transform(["x" * 5000])  # which fills its room


# -------------------------------------------------------------------------- way back


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("max_characters", [None, 4])
def test_round_trip(start, max_characters):
    tokenizer = Tokenizer(start=start, end=start, max_characters=max_characters)
    assert tokenizer.inverse_transform(tokenizer.fit_transform(TEXTS)) == TEXTS


def test_unknown_words_on_the_way_back():
    tokenizer = Tokenizer(min_count=2).fit(TEXTS)
    assert tokenizer.inverse_transform(tokenizer.transform(["the dog"])) == ["the <unknown>"]


def test_inverse_takes_ids_in_any_form():
    tokenizer = Tokenizer(max_characters=2).fit(TEXTS)
    for ids in ([1, 2], (1, 2), np.array([1, 2], np.uint8), np.array([[1, 9, 9], [2, 9, 9]])):
        assert tokenizer.inverse_transform([ids, []]) == ["the cat", ""]
    assert tokenizer.inverse_transform(np.array([[1, 2], [1, 3]])) == ["the cat", "the sat"]


def test_a_text_may_hold_the_names_of_special_tokens():
    tokenizer = Tokenizer(start=True).fit([["<start>", "<unknown>"]])
    ids = tokenizer.transform([["<start>", "<unknown>"]])
    assert ids[0].tolist() == [1, 2, 3]
    assert tokenizer.inverse_transform(ids) == ["<start> <unknown>"]


# ------------------------------------------------------------------------ scikit-learn


def test_in_a_pipeline_and_a_search():
    good, bad = ["fine film", "a fine day", "so fine"], ["dull film", "a dull day", "so dull"]
    texts, y = 4 * (good + bad), 4 * ([1] * 3 + [0] * 3)
    clf = SequenceClassifier(embedding_dim=4, hidden_size=4, max_iter=20, learning_rate_init=0.03, random_state=0)
    model = Pipeline([("tokens", Tokenizer()), ("clf", clf)])
    grid = {"tokens__level": ["word", "char"], "tokens__min_count": [1, 2]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(texts, y)
    assert search.best_score_ == 1
    assert search.predict(["a fine film", "a dull film"]).tolist() == [1, 0]


def test_clone_pickle_and_copies():
    options = {"level": "char", "start": True, "max_tokens": 9, "lowercase": True}
    for tokenizer in (Tokenizer(**options), Tokenizer(max_characters=2, strip_accents="ascii")):
        expected = tokenizer.fit_transform(TEXTS)
        assert clone(tokenizer).get_params() == tokenizer.get_params()
        assert not hasattr(clone(tokenizer), "vocabulary_")
        for other in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
            for x, y in zip(other.transform(TEXTS), expected, strict=True):
                assert (x == y).all()


def test_parameters_set_after_the_fit_wait_for_the_next_one():
    tokenizer = Tokenizer().fit(TEXTS)
    expected = ids_of(tokenizer, "the Cat")
    tokenizer.set_params(level="char", lowercase=True, start=True, token_pattern="x")
    assert ids_of(tokenizer, "the Cat") == expected
    assert tokenizer.inverse_transform([[1, 2]]) == ["the cat"]
    tokenizer.set_params(level="word", max_characters=3)
    assert ids_of(tokenizer, "the Cat") == expected


def test_sequences_are_never_made_a_frame():
    with config_context(transform_output="pandas"):
        X = make_pipeline(Tokenizer()).fit_transform(TEXTS)
    assert isinstance(X, np.ndarray) and X.dtype == object
    X = make_pipeline(Tokenizer()).set_output(transform="pandas").fit_transform(TEXTS)
    assert isinstance(X, np.ndarray) and X.dtype == object


def test_feature_names_and_tags():
    names = Tokenizer().fit(TEXTS).get_feature_names_out()
    assert names.dtype == object
    assert names.tolist() == ["<unknown>", "the", "cat", "sat", "a", "dog", "mat", "on"]
    tags = Tokenizer().__sklearn_tags__()
    assert tags.input_tags.string and not tags.input_tags.two_d_array
    assert tags.requires_fit and not tags.target_tags.required


def test_what_the_caller_passes_stays_as_it_is():
    X = [["a", "B"], ["b"]]
    before = copy.deepcopy(X)
    tokenizer = Tokenizer(lowercase=True, start=True, max_characters=1)
    ids = tokenizer.fit_transform(X)
    kept = copy.deepcopy(ids)
    tokenizer.inverse_transform(ids)
    assert X == before
    assert all((a == b).all() for a, b in zip(ids, kept, strict=True))


# ------------------------------------------------------------------------------- errors

BAD_X = {
    "one_text": ("abc", r"X is one text, 'abc'.*pass \[text\]"),
    "bytes": (b"abc", "X must be a list.*bytes"),
    "mapping": ({"a": 1}, r"X must be a list.*dict: pass list\(X.values\(\)\)"),
    "set": ({"a"}, "X must be a list.*set: it has no order"),
    "nothing": (None, "X must be a list.*NoneType"),
    "generator": ((text for text in TEXTS), r"X must be a list.*generator: pass list\(X\)"),
    "path": (Path("texts.csv"), "Path: read the file first"),
    "frame": (Framed(["text", "label"], shape=(3, 2)), r"X is Framed\(3, 2\).*one column"),
    "column": (np.array([["a"], ["b"]]), r"X is ndarray\(2, 1\).*one column"),
    "scalar": (np.array("abc"), "X must be a list.*ndarray"),
    "empty": ([], "X is empty.*at least one"),
    "missing": (["a", None], r"X\[1\] is None.*str"),
    "nan": (["a", "b", np.nan], r"X\[2\] is nan.*str"),
    "number": ([1, "a"], r"X\[0\] is 1, but must be a str.*embedding_dim.*str\(number\)"),
    "numbers": (np.arange(3), r"X\[0\] is 0, but must be a str.*embedding_dim"),
    "floats": ([[0.5, 1.5]], r"X\[0\] is \[0.5, 1.5\], but must be a str.*embedding_dim"),
    "word_and_number": ([("a", 1)], r"X\[0\] is \('a', 1\), but must be a str.*str\(number\)"),
    "encoded": (["a", b"b"], r"X\[1\] is b'b'.*convert"),
    "ids": ([["a"], [1, 2]], r"X\[1\] is \[1, 2\].*str"),
    "array_of_ids": ([["a"], np.array([1])], r"X\[1\] is \[1\], but must be a str.*embedding_dim"),
    "split_and_not": (["a b", "c", ["d", "e"]], r"X\[2\] is \['d', 'e'\], but X\[0\] is 'a b'.*all"),
    "not_split": ([["d", "e"], "a b"], r"X\[1\] is 'a b', but X\[0\] is \['d', 'e'\].*all"),
    "empty_text": (["a", "", "b"], r"X\[1\] has no token, it is ''.*leave it out.*start=True"),
    "blank_text": (["a", " \n"], r"X\[1\] has no token, it is ' \\n'"),
    "no_tokens": ([["a"], []], r"X\[1\] has no token, it is \[\]"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_bad_x(name):
    X, match = BAD_X[name]
    fitted = Tokenizer().fit(TEXTS)
    expected = fitted.vocabulary_.copy()
    for call in (Tokenizer().fit, fitted.transform, fitted.fit):
        with pytest.raises(ValueError, match=match):
            call(X)
    assert fitted.vocabulary_ == expected


def test_long_texts_are_not_quoted_whole():
    with pytest.raises(ValueError, match=r"X\[1\]") as error:
        Tokenizer().fit(["a", ["b" * 10_000]])
    assert len(str(error.value)) < 200


BAD_OPTIONS = {
    "level": ("line", "level.*'line'"),
    "lowercase": ("yes", "lowercase.*'yes'"),
    "strip_accents": ("latin", "strip_accents.*'latin'"),
    "token_pattern": (None, "token_pattern.*None"),
    "token_pattern ": ("(", r"token_pattern='\(' is no regular expression"),
    "token_pattern  ": ("(a)(b)", "token_pattern=.* is no regular expression.*capturing group"),
    "min_count": (0, "min_count.*0"),
    "max_tokens": (1, r"max_tokens=1 has room for \['<unknown>'\] only; raise it"),
    "start": (None, "start.*None"),
    "end": ("</s>", "end.*'</s>'"),
    "max_characters": (0, "max_characters.*0"),
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_bad_options(name):
    value, match = BAD_OPTIONS[name]
    with pytest.raises(ValueError, match=match):
        Tokenizer(**{name.strip(): value}).fit(TEXTS)


def test_max_tokens_must_leave_room_beside_start_and_end():
    with pytest.raises(ValueError, match=r"max_tokens=3 .*'<start>', '<end>'"):
        Tokenizer(start=True, end=True, max_tokens=3).fit(TEXTS)
    assert Tokenizer(start=True, end=True, max_tokens=4).fit(TEXTS).vocabulary_ == {"the": 3}


def test_characters_have_no_characters():
    with pytest.raises(ValueError, match="max_characters needs level='word'"):
        Tokenizer(level="char", max_characters=3).fit(TEXTS)


def test_no_token_left():
    with pytest.raises(ValueError, match="min_count=4 times, the most frequent 3: lower it"):
        Tokenizer(min_count=4).fit(TEXTS)
    with pytest.raises(ValueError, match="most frequent 0"):
        Tokenizer(start=True).fit([""])


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="fit"):
        getattr(Tokenizer(), method)(TEXTS)


@pytest.mark.parametrize(
    ("sequences", "match"),
    [
        ([[1, 2], [3, 8]], r"sequences\[1\] holds the id 8; ids are 0 to 7"),
        ([[-1]], r"sequences\[0\] holds the id -1; ids are 0 to 7"),
        ([1, 2], r"sequences\[0\] is int64 of shape \(\).*pass \[sequence\]"),
        ([[1], [0.5]], r"sequences\[1\] is float64 of shape \(1,\), not integers"),
        (["ab"], r"sequences\[0\] is <U2"),
        ([[1], [[1], [1, 2]]], r"sequences\[1\] has steps of unequal lengths"),
        ([np.ones((2, 3), int)], r"sequences\[0\] is int64 of shape \(2, 3\)"),
        (3, "sequences must be a list of integer arrays; got int"),
        (None, "got NoneType"),
        ({0: [1]}, r"got dict: pass list\(sequences.values\(\)\)"),
    ],
)
def test_bad_ids(sequences, match):
    with pytest.raises(ValueError, match=match):
        Tokenizer(max_characters=None).fit(TEXTS).inverse_transform(sequences)
