"""Read the sets of text, music, acts and colours of a data folder, one subfolder a set.

Readers return what the files say, as strings; only music and colours are numbers, and no token is
replaced by an id. A split is the published one where there is one; lists without a split give
every tenth line, the 0-based lines i with i % 10 == 9, to the test.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from benchmarks.quality.readers import Split

G2P_LANGUAGES = ("hun", "fre", "ice", "rum", "hin")

# Values that say something of a slot without being words to repeat; "?" stands where the act has none.
SPECIAL_VALUES = ("dont_care", "none", "yes", "no", "?")


@dataclass(frozen=True)
class ValidatedSplit(Split):
    """A set that is filed with a validation part too."""

    X_valid: list | np.ndarray
    y_valid: list | np.ndarray


def _validated(read_part, train="train", valid="valid", test="test"):
    """Join what ``read_part`` returns, (X, y), for the names of the three parts."""
    return ValidatedSplit(*read_part(train), *read_part(test), *read_part(valid))


def _lines(path):
    # str.splitlines would also break a line at characters that may stand inside a word.
    return Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")


def _tenths(rows):
    """Deal rows to training and test: every tenth is for the test."""
    train = [row for i, row in enumerate(rows) if i % 10 != 9]
    return train, rows[9::10]


# Labels


def read_names18(data):
    """Read surnames, and their languages.

    The split its README proposes: in each file the 0-based line i is for the test if i % 5 == 4.
    """
    train, test = ([], []), ([], [])
    for path in sorted((Path(data) / "names18").glob("*.txt")):
        for i, name in enumerate(_lines(path)):
            names, languages = test if i % 5 == 4 else train
            names.append(name.strip())
            languages.append(path.stem)
    return Split(*train, *test)


# Tags


def read_ewt(data):
    """Read UD English EWT: sentences as lists of words, y as lists of their UPOS tags."""
    return _validated(partial(_ewt_part, Path(data) / "UD_English-EWT"), valid="dev")


def _ewt_part(folder, part):
    text = "\n".join(_lines(folder / f"en_ewt-{part}.tsv"))
    sentences = [[line.split("\t") for line in sentence.split("\n")] for sentence in text.split("\n\n")]
    words = [[word for word, _, _ in sentence] for sentence in sentences]
    return words, [[upos for _, upos, _ in sentence] for sentence in sentences]


def read_snips(data, intents=False):
    """Read SNIPS: requests as lists of words, y as lists of IOB slot tags, or as intents."""
    return _validated(partial(_snips_part, Path(data) / "SNIPS", intents))


def _snips_part(folder, intents, part):
    words = [line.split() for line in _lines(folder / part / "seq.in")]
    if intents:
        return words, [line.strip() for line in _lines(folder / part / "label")]
    return words, [line.split() for line in _lines(folder / part / "seq.out")]


# Music


def read_jsb_chorales(data):
    """Read the piano rolls: X is the frames but the last, y the frames but the first, each (T - 1, 88)."""
    rolls = loadmat(Path(data) / "JSB_Chorales" / "JSB_Chorales.mat")
    return _validated(partial(_rolls, rolls), "traindata", "validdata", "testdata")


def _rolls(rolls, part):
    chorales = list(rolls[part].ravel())
    return [frames[:-1] for frames in chorales], [frames[1:] for frames in chorales]


# Text to continue: a training and a test part, without targets


def read_tinyshakespeare(data):
    """Return the first 90 % of the text, 1003854 characters, and the last 10 % (the split of nanoGPT)."""
    text = (Path(data) / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")
    return text[: int(0.9 * len(text))], text[int(0.9 * len(text)) :]


def read_makemore_names(data):
    """Return the first names for training and those for the test."""
    return _tenths(_lines(Path(data) / "makemore-names" / "names.txt"))


def read_dinos(data):
    """Return the names of dinosaurs, lower-cased, for training and those for the test."""
    return _tenths([name.lower() for name in _lines(Path(data) / "dinos" / "dinos.txt")])


# Sequence to sequence


def read_g2p(data, language):
    """Read one of `G2P_LANGUAGES`: words as lists of characters (code points), y as lists of phones."""
    folder = Path(data) / "SIGMORPHON2020-G2P"
    return _validated(partial(_g2p_part, folder, language), valid="dev")


def _g2p_part(folder, language, part):
    rows = [line.split("\t") for line in _lines(folder / f"{language}_{part}.tsv")]
    return [list(word) for word, _ in rows], [phones.split() for _, phones in rows]


def read_scan(data, split="simple"):
    """Read SCAN: commands as lists of words, y as lists of actions.

    Other splits than "simple" are "length", "addprim_jump" and "addprim_turn_left".
    """
    folder = Path(data) / "SCAN"
    return Split(*_scan_part(folder, f"train_{split}"), *_scan_part(folder, f"test_{split}"))


def _scan_part(folder, name):
    with gzip.open(folder / f"tasks_{name}.txt.gz", "rt", encoding="utf-8") as lines:
        rows = [line.removeprefix("IN: ").split(" OUT: ") for line in lines]
    return [command.split() for command, _ in rows], [actions.split() for _, actions in rows]


# Vector to sequence


def read_color_names(data):
    """Read colours as (red, green, blue) in [0, 1], shape (n, 3), y as their names."""
    with open(Path(data) / "color-names" / "colornames.csv", encoding="utf-8", newline="") as file:
        train, test = _tenths(list(csv.DictReader(file)))
    return Split(*_colors(train), *_colors(test))


def _colors(rows):
    levels = np.array([list(bytes.fromhex(row["hex"].removeprefix("#"))) for row in rows])
    return levels / 255, [row["name"] for row in rows]


@dataclass(frozen=True)
class Act:
    """A dialogue act: its type, and pairs of a slot's name and value.

    Examples
    --------
    >>> act = Act.parse("inform(name='red door cafe';kidsallowed=no;type=restaurant)")
    >>> act.features()
    ('inform', 'kidsallowed=no', 'name=value 1', 'type=value 1')
    >>> act.values()
    [('name', 'red door cafe')]
    """

    type: str
    slots: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text):
        """Read an act such as ``inform(name='x y';food=thai)`` or ``?request(area)``."""
        kind, _, slots = text.removesuffix(")").partition("(")
        pairs = [slot.partition("=") for slot in slots.split(";") if slot]
        return cls(kind, tuple((name, value.strip("'") or "?") for name, _, value in pairs))

    def features(self):
        """Name the act without its values: its type and slots; values of one slot are numbered."""
        seen, slots = Counter(), []
        for name, value in self.slots:
            if value not in SPECIAL_VALUES:
                seen[name] += 1
                value = f"value {seen[name]}"
            slots.append(f"{name}={value}")
        return (self.type, *sorted(slots))

    def values(self):
        """Return the slots that a sentence names by their value: not ``type``, which is always a restaurant."""
        return [(name, value) for name, value in self.slots if name != "type" and value not in SPECIAL_VALUES]


def read_restaurant(data):
    """Read RNNLG's restaurants: X as lists of `Act`, y as lists of words of the delexicalised human sentence."""
    return _validated(partial(_restaurant_part, Path(data) / "RNNLG-restaurant"))


def _restaurant_part(folder, part):
    text = (folder / f"{part}.json").read_text(encoding="utf-8")
    rows = json.loads(text[text.index("[") :])  # lines of comment come first
    acts = [Act.parse(act) for act, _, _ in rows]
    return acts, [delexicalise(human, act) for act, (_, human, _) in zip(acts, rows, strict=True)]


def delexicalise(sentence, act):
    """Return the sentence's words, lower-cased, with SLOT_NAME and so on for the values of the act.

    As Wen et al. (2015) and their toolkit do it: long values first, each value once, and the parts
    of "a or b" in any order, joined by "or" or by "and".

    Examples
    --------
    >>> act = Act.parse("inform(name='a 16';area='nob hill or mission';kidsallowed=yes)")
    >>> delexicalise("a 16 is in mission and nob hill and allows kid -s", act)
    ['SLOT_NAME', 'is', 'in', 'SLOT_AREA', 'and', 'allows', 'kid', '-s']
    """
    text = f" {' '.join(sentence.lower().split())} "
    for slot, value in sorted(act.values(), key=lambda pair: -len(pair[1])):
        for wording in _wordings(value):
            if f" {wording} " in text:
                text = text.replace(f" {wording} ", f" SLOT_{slot.upper()} ", 1)
                break
    return text.split()


def _wordings(value):
    orders = list(itertools.permutations(re.split(" and | or ", value)))
    return [joint.join(order) for joint in (" and ", " or ") for order in orders]


def lexicalise(words, act):
    """Put the act's values where the words have its slots; a slot too many stays as it is.

    Examples
    --------
    >>> act = Act.parse("inform(name='a 16';area='nob hill')")
    >>> " ".join(lexicalise("SLOT_NAME is SLOT_NAME in SLOT_AREA".split(), act))
    'a 16 is SLOT_NAME in nob hill'
    """
    left = [(f"SLOT_{slot.upper()}", value) for slot, value in act.values()]
    spoken = []
    for word in words:
        at = next((i for i, (slot, _) in enumerate(left) if slot == word), None)
        spoken += [word] if at is None else left.pop(at)[1].split()
    return spoken


def act_vectors(split):
    """Return the split with a row of 0 and 1 for each act, shape (n, features of the training acts).

    Columns are the features of `Act.features` that training acts have; others are left out.
    """
    names = sorted({name for act in split.X_train for name in act.features()})

    def rows(acts):
        return np.array([np.isin(names, act.features()) for act in acts], float)

    return replace(split, X_train=rows(split.X_train), X_valid=rows(split.X_valid), X_test=rows(split.X_test))


def references(acts, sentences):
    """Return for each act the sentences of all acts with its features, once each, with its values in them.

    Those are the references of the toolkit's scorer, ``acts`` and ``sentences`` being the test part.
    """
    same = {}
    for act, words in zip(acts, sentences, strict=True):
        same.setdefault(act.features(), {})[tuple(words)] = None
    return [[lexicalise(words, act) for words in same[act.features()]] for act in acts]
