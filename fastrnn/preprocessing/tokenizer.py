"""Turn text into what the estimators read: sequences of integers."""

import re
from collections import Counter
from functools import partial
from itertools import chain
from numbers import Integral, Number

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fastrnn.lists import as_array, check_listed
from fastrnn.records import store
from fastrnn.sequences import as_objects
from fastrnn.storage import check, expect, strings
from fastrnn.tokens import Characters, Tokens
from fastrnn.wording import shown

COUNT = Interval(Integral, 1, None, closed="left")
FREE_ROOM, USED = 2**26, 8
"""Rows of so many numbers in all may be mostly empty; of more at least one number in so many must be a character's."""
WORD = r"\w+|[^\w\s]"
BESIDE = 20
"""Characters of a word that are known beside its id by default."""
ADVICE = "numbers that are tokens go to an estimator with embedding_dim as they are; to count as words, str(number)"
"""For tokens that are no texts."""


# Sequences are no columns of a frame, into which scikit-learn would otherwise wrap them.
class Tokenizer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    r"""Turn texts into sequences of integers, which stand for words or characters.

    Each token gets an integer, its id. The id 0 stands for all unknown tokens. Then come the start and the end token,
    if you ask for them, and then the known tokens: the most frequent first, equally frequent ones in alphabetical
    order.

    Parameters
    ----------
    level : {"word", "char"} or "auto", default="auto"
        Whether a token is a word or a character. "auto" takes characters if most texts have no space in them, such as
        names or Chinese, and otherwise words. It also takes words if `max_characters` or `token_pattern` is set. Texts
        that are already lists of tokens are not split further.
    lowercase : bool, default=False
        Whether to convert texts to lower case.
    strip_accents : {"ascii", "unicode"}, callable or None, default=None
        How to remove accents, as in scikit-learn's `CountVectorizer`. None keeps them.
    token_pattern : str, default=r"\w+|[^\w\s]"
        The regular expression of a word, in the text after lower-casing and stripping. By default each punctuation mark
        is a word, too. A combining accent does not belong to ``\w+``: bring decomposed text into the form NFC first,
        with `unicodedata.normalize`.
    min_count : int, default=1
        Tokens that occur less often than this in `fit` are unknown. If it is 1 and all tokens are kept, no token is
        unknown in training, and the vector of the unknown token stays as it was initialised, unless the estimator
        has dropout: then rare words are sometimes read as unknown.
    max_tokens : int or None, default=None
        The largest `n_tokens_`. If there are more tokens, the most frequent are kept. None keeps all.
    start, end : bool, default=False
        Whether each sequence gets a start token before its first token, and an end token after its last.
    max_characters : int, "auto" or None, default="auto"
        Number of first characters of each word that estimators may read (`character_embedding_dim`). With "auto", the
        first 20 characters go along unseen, as they are after lower-casing and stripping. With a number, each step
        holds the id of the word and then the ids of its first characters, as they were written, with capitals and
        accents: texts are split before they are lower-cased and stripped. All rows have room for the longest word, so
        that one very long word takes much memory. None gives words alone. This is for words only.

    Attributes
    ----------
    vocabulary_ : dict
        The id of each known token.
    n_tokens_ : int
        Number of ids, including those of the unknown, start and end token.
    start_token_, end_token_ : int or None
        The ids of the start and the end token.
    character_vocabulary_ : dict or None
        The id of each known character, unless max_characters is None. 0 stands for no character (past the end of a
        word), 1 for an unknown one. Characters that `fit` saw once or never are unknown.
    n_characters_ : int or None
        Number of ids of characters, unless max_characters is None.

    Examples
    --------
    >>> from fastrnn.preprocessing import Tokenizer
    >>> tokenizer = Tokenizer(lowercase=True).fit(["The cat sat.", "The dog sat, too."])
    >>> tokenizer.vocabulary_
    {'.': 1, 'sat': 2, 'the': 3, ',': 4, 'cat': 5, 'dog': 6, 'too': 7}
    >>> ids = tokenizer.transform(["The bird sat."])
    >>> ids[0].tolist()
    [3, 0, 2, 1]
    >>> tokenizer.inverse_transform(ids)
    ['the <unknown> sat .']

    The first step of a pipeline:

    >>> from sklearn.pipeline import make_pipeline
    >>> from fastrnn import SequenceClassifier
    >>> texts = ["a fine film", "I liked it", "a dull film", "I hated it"]
    >>> clf = SequenceClassifier(max_iter=5, random_state=0)
    >>> model = make_pipeline(Tokenizer(), clf).fit(texts, ["good", "good", "bad", "bad"])
    >>> model.predict_proba(["a fine day"]).shape
    (1, 2)
    """

    _parameter_constraints = {
        "level": [StrOptions({"word", "char", "auto"})], **dict.fromkeys(("lowercase", "start", "end"), ["boolean"]),
        "strip_accents": [StrOptions({"ascii", "unicode"}), callable, None], "token_pattern": [str],
        "min_count": [COUNT], "max_tokens": [COUNT, None],
        "max_characters": [COUNT, StrOptions({"auto"}), None]}  # fmt: skip

    def __init__(self, *, level="auto", lowercase=False, strip_accents=None, token_pattern=WORD, min_count=1,
        max_tokens=None, start=False, end=False, max_characters="auto"):  # fmt: skip
        store(self, locals())

    def fit(self, X, y=None):
        """Learn which tokens there are.

        Parameters
        ----------
        X : list or array of n texts, or of n sequences of tokens
            The texts. Sequences of tokens are lists, tuples or arrays of str.
        y : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        self
            The fitted tokenizer.

        Raises
        ------
        ValueError
            If X is empty or holds anything but texts, if no token is frequent enough, or if a text has no token while
            there is neither a start nor an end token. The message names the text.
        """
        special, level = self._special_tokens(), self._level_of(X)
        split, L = self._splitter(level), self._characters(level)
        tokens, characters = Counter(), Counter()
        for token, word in chain.from_iterable(_split_all(X, split, len(special) > 1)):
            tokens[token] += 1
            characters.update(word[:L])
        vocabulary = _numbered(tokens, self.min_count, len(special), self.max_tokens)
        if not vocabulary:
            most = max(tokens.values(), default=0)
            raise ValueError(f"no token occurs min_count={self.min_count} times, the most frequent {most}: lower it")
        # A character seen once stands for those never seen, so that their id is trained.
        return self._know(level, special, split, vocabulary, _numbered(characters, 2, 2))

    def _know(self, level, special, split, vocabulary, characters):
        """Set what is fitted."""
        self._special, self._split, self._level = special, split, level
        self._L, self._fitted_with = self._characters(level), self.get_params()
        self.vocabulary_, self.n_tokens_ = vocabulary, len(special) + len(vocabulary)
        self.start_token_, self.end_token_ = (special.index(x) if x in special else None for x in ("<start>", "<end>"))
        self.character_vocabulary_, self.n_characters_ = (characters, 2 + len(characters)) if self._L else (None, None)
        return self

    def _record(self):
        check_is_fitted(self, "vocabulary_")
        known = {"vocabulary": [*self.vocabulary_], "characters": [*(self.character_vocabulary_ or ())]}
        return {"class": "Tokenizer", "parameters": self._fitted_with, "level": self._level, **known}

    @classmethod
    def _restored(cls, tree):
        rules = {"class": str, "parameters": dict, "level": str, "vocabulary": strings, "characters": strings}
        check(tree, rules, "tokenizer")
        tokenizer, level = cls(**tree["parameters"]), tree["level"]
        is_plain = tokenizer.max_characters in ("auto", None)
        is_right = level == "word" or level == "char" and is_plain
        expect(is_right and tokenizer.level in (level, "auto"), f"its level {level!r:.20} is none of its parameters'")
        expect(len(tokenizer.token_pattern) <= 200, "its token_pattern has more than 200 characters")
        special, split = tokenizer._special_tokens(), tokenizer._splitter(level)
        words, characters = tree["vocabulary"], tree["characters"]
        known = [{key: k for k, key in enumerate(keys, n)} for keys, n in ((words, len(special)), (characters, 2))]
        n = sum(map(len, known))
        expect(words and n == len(words) + len(characters), "its vocabulary is empty, or has a token twice")
        return tokenizer._know(level, special, split, *known)

    def transform(self, X):
        """Get the ids of the tokens of each text.

        Parameters
        ----------
        X : list or array of n texts, or of n sequences of tokens
            The texts, as for `fit`.

        Returns
        -------
        ndarray of shape (n,)
            An object array of n integer arrays (T_i,), which estimators recognise as tokens. If max_characters is a
            number, they are (T_i, 1 + L): the id of the word, then those of its characters. L is the length of the
            longest word in X, or max_characters if that is less.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If X is empty, or holds what `fit` refuses. Also if a word is so long that rows of its length would fill the
            memory.
        """
        check_is_fitted(self, "vocabulary_")
        texts = [*_split_all(X, self._split, len(self._special) > 1)]
        ids = map(self._ids, texts)
        if not self._L:
            return as_objects([*map((Characters if self._level == "char" else Tokens).of, ids)])
        L, known, place = _room(texts, self._L), self.character_vocabulary_, {"": 0}
        first, last = ([0] * (token is not None) for token in (self.start_token_, self.end_token_))
        words = [[*first, *(place.setdefault(word, len(place)) for _, word in pairs), *last] for pairs in texts]
        spellings = np.array([[known.get(c, 1) for c in w[:L]] + [0] * (L - len(w)) for w in place], np.int64)
        tokens = [Tokens.of(i, np.array(w, np.int64), spellings) for i, w in zip(ids, words, strict=True)]
        is_beside = self._fitted_with["max_characters"] == "auto"
        return as_objects(tokens if is_beside else [Tokens.of(x.with_characters()) for x in tokens])

    def inverse_transform(self, sequences):
        """Get the texts for sequences of ids, without start and end token.

        Parameters
        ----------
        sequences : list or array of n arrays of int, of shape (T_i,) or (T_i, 1 + L)
            Sequences of ids, with characters if max_characters is a number.

        Returns
        -------
        list of str
            The texts. Words have a space between any two, and "<unknown>" for the unknown token. Characters have no
            space between them, and U+FFFD for the unknown token.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If a sequence holds anything but ids of this tokenizer. The message names the sequence and the id.
        """
        check_listed(sequences, "sequences", "a list of integer arrays")
        names = self.get_feature_names_out()
        between, names[0] = ("", "\ufffd") if self._level == "char" else (" ", names[0])
        edges = {self.start_token_, self.end_token_}
        checked = [self._check_ids(as_array(ids, f"sequences[{k}]"), k) for k, ids in enumerate(sequences)]
        return [between.join(names[i] for i in ids if i not in edges) for ids in checked]

    def get_feature_names_out(self, input_features=None):
        """Get the token of each id.

        Parameters
        ----------
        input_features : ignored
            Only here because scikit-learn passes it.

        Returns
        -------
        ndarray of str
            For each id: "<unknown>", then "<start>" and "<end>" if there are such, then the known tokens.
        """
        check_is_fitted(self, "vocabulary_")
        return np.array([*self._special, *self.vocabulary_], object)

    def set_output(self, *, transform=None):
        """Accept the request of a Pipeline, and change nothing: sequences are not columns.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Not used.

        Returns
        -------
        self
            The tokenizer itself.
        """
        return self

    def _special_tokens(self):
        """The names of the ids before the first token's; checks the parameters."""
        self._validate_params()
        if self.level == "char" and self.max_characters not in ("auto", None):
            raise ValueError("max_characters needs level='word', not 'char'; leave one of them out")
        special = ["<unknown>", *(f"<{name}>" for name in ("start", "end") if getattr(self, name))]
        if self.max_tokens is not None and self.max_tokens <= len(special):
            raise ValueError(f"max_tokens={self.max_tokens} has room for {special} only; raise it")
        return special

    def _level_of(self, X):
        """What a token of X is."""
        if self.level != "auto":
            return self.level
        are_whole = [isinstance(text, str) and len(text.split()) == 1 for text in _check_texts(X)]
        is_open = self.max_characters == "auto" and self.token_pattern == WORD
        return "char" if is_open and 2 * sum(are_whole) > len(are_whole) else "word"

    def _splitter(self, level):
        """What makes tokens of a text, with the parameters as they are now."""
        names = "lowercase", "strip_accents", "token_pattern"
        vectorizer = CountVectorizer(**{name: getattr(self, name) for name in names})
        try:
            split = list if level == "char" else vectorizer.build_tokenizer()
        except (re.error, ValueError) as error:
            what = f"token_pattern={shown(self.token_pattern)} is no regular expression of a word"
            raise ValueError(f"{what}: {error}") from None
        return partial(_pairs, vectorizer.build_preprocessor(), split, self.max_characters not in ("auto", None))

    def _characters(self, level):
        """Of a word, how many are read."""
        return (level == "word") * BESIDE if self.max_characters == "auto" else self.max_characters or 0

    def _ids(self, pairs):
        """The ids of a text's tokens."""
        first, last = ([] if i is None else [i] for i in (self.start_token_, self.end_token_))
        return [*first, *(self.vocabulary_.get(token, 0) for token, _ in pairs), *last]

    def _check_ids(self, ids, k):
        """The ids of tokens in one sequence, as a list."""
        ids = ids[:, 0] if ids.ndim == 2 and self._L and 2 <= ids.shape[1] <= 1 + self._L else ids
        if ids.ndim != 1 or ids.size and ids.dtype.kind not in "iu":
            what = f"{ids.dtype} of shape {ids.shape}"
            raise ValueError(f"sequences[{k}] is {what}, not integers (T,): pass [sequence] for one")
        for i in ids[(ids < 0) | (ids >= self.n_tokens_)]:
            raise ValueError(f"sequences[{k}] holds the id {i}; ids are 0 to {self.n_tokens_ - 1}")
        return ids.tolist()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


def _numbered(counts, min_count, first, end=None):
    """Ids from `first` on and below `end`, by falling count; equal counts alphabetically."""
    ranked = sorted((key for key in counts if counts[key] >= min_count), key=lambda key: (-counts[key], key))
    return {key: i for i, key in enumerate(ranked, first) if end is None or i < end}


def _pairs(preprocess, split, as_written, text):
    """Pairs of a token and the word as it was written."""
    if isinstance(text, str) and as_written:
        # What is found in the preprocessed text cannot be traced back to what was written.
        text = [word for word in split(text) if preprocess(word)]
    elif isinstance(text, str):
        text, preprocess = split(preprocess(text)), str
    return [(preprocess(str(word)), str(word)) for word in text]


def _room(texts, most):
    """Characters of the longest word of the texts' pairs, at least 1 and at most `most`."""
    lengths = [min(len(word), most) for pairs in texts for _, word in pairs]
    L = max(lengths, default=1) or 1
    if len(lengths) * L > max(FREE_ROOM, USED * sum(lengths)):
        k, word = next((k, word) for k, pairs in enumerate(texts) for _, word in pairs if len(word) >= L)
        what = f"X[{k}] has a word of {len(word)} characters, {word!r:.30}..., and the rows of {len(lengths)} words"
        advice = f"lower max_characters (now {most}) to {FREE_ROOM // len(lengths)} or less, or leave the word out"
        raise ValueError(f"{what} would have room for as many: {advice}")
    return L


def _split_all(X, split, may_be_empty):
    """The pairs of each text of X, one text after the other."""
    for k, text in enumerate(_check_texts(X)):
        pairs = split(text)
        if not pairs and not may_be_empty:
            raise ValueError(f"X[{k}] has no token, it is {shown(text)}; leave it out, or set start=True or end=True")
        yield pairs


def _check_texts(X):
    """X as a list of texts, or as one of sequences of tokens."""
    if isinstance(X, str):
        raise ValueError(f"X is one text, {shown(X)}, but must be a list of them: pass [text]")
    shape = getattr(X, "shape", None)
    if not shape:
        check_listed(X, "X", "a list or 1-D array of texts")
    elif len(shape) != 1:
        raise ValueError(f"X is {type(X).__name__}{shape}, but must be a list or 1-D array of texts: pass one column")
    texts = list(X)
    if not texts:
        raise ValueError("X is empty: it needs at least one text")
    for k, text in enumerate(texts):
        for token in text if isinstance(text, (list, tuple, np.ndarray)) else [text]:
            if not isinstance(token, str):
                advice = ADVICE if isinstance(token, Number) and token == token else "leave it out or convert it"
                raise ValueError(f"X[{k}] is {shown(text)}, but must be a str or a list of them: {advice}")
        if isinstance(text, str) != isinstance(texts[0], str):
            raise ValueError(f"X[{k}] is {shown(text)}, but X[0] is {shown(texts[0])}: split all into tokens, or none")
    return texts
