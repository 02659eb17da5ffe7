"""Numbers as people write them; all of a column are written alike, or none is read."""

import re
from collections import namedtuple

MISSING = {"", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "#n/a", "#na"}
"""In small letters, what stands for a missing number."""
SPACES = "  \u00a0\u2009\u202f"
GROUPS = {"": "", ",": ",", ".": r"\.", " ": f"[{SPACES}]", "'": "['’]"}
"""Marks between thousands, and the patterns of them."""
LARGEST = 1e150
"""The forecaster takes no larger ones."""


class Style(namedtuple("Style", "decimal, thousands", defaults=(".", ""))):
    """How numbers are written: their decimal mark, and what stands between thousands, or nothing."""

    def pattern(self):
        """Of the text of a number."""
        group, whole, mark = GROUPS[self.thousands], "[0-9]+", re.escape(self.decimal)
        if group:
            digits = "[0-9]{2,3}" if group == "," else "[0-9]{3}"  # in India 12,34,567
            whole += f"|[1-9][0-9]{{0,2}}(?:{group}{digits})*{group}[0-9]{{3}}"
        return re.compile(f"[-+]?(?:(?:{whole})(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][-+]?[0-9]+)?")

    def number(self, text):
        """The number in a text of the pattern."""
        if self.thousands:
            text = re.sub(GROUPS[self.thousands], "", text)
        return float(text.replace(self.decimal, "."))

    def options(self):
        """What says so at the command line."""
        return f'--decimal "{self.decimal}"' + f' --thousands "{self.thousands}"' * bool(self.thousands)


def read_numbers(texts, lines, column, *, decimal=None, thousands=None):
    """The numbers of a column, NaN where they are missing, and their style.

    Parameters
    ----------
    texts : list of str
    lines : list of int
        Of the file, for messages, like the column's name.
    column : str
    decimal, thousands : str, optional
        The marks; by default those by which all texts are numbers.

    Raises
    ------
    ValueError
        If there are no such marks, or several by which the numbers differ.

    Examples
    --------
    >>> read_numbers(["1.234,5", "NA"], [2, 3], "y")
    ([1234.5, nan], Style(decimal=',', thousands='.'))
    >>> read_numbers(["1.234"], [2], "y")
    Traceback (most recent call last):
        ...
    ValueError: line 2: y is '1.234', which may be 1.234 or 1234: pass --decimal "." or --decimal "," --thousands "."
    """
    texts = ["" if text.lower() in MISSING else text.replace("\u2212", "-") for text in texts]
    given = [(text, line) for text, line in zip(texts, lines, strict=True) if text]
    styles = _styles("".join(texts), decimal, thousands)
    fitting = [style for style in styles if _first_misfit(style, given) is None]
    if not fitting:
        is_told = any(_first_misfit(style, given) is None for style in _styles("".join(texts), None, None))
        raise ValueError(_no_numbers(styles, given, column) + ", or leave out --decimal and --thousands" * is_told)
    for text, line in given:
        readings = {style.number(text): style for style in reversed(fitting)}
        if len(readings) > 1:
            numbers = " or ".join(f"{number:.10g}" for number in reversed(readings))
            advice = " or ".join(style.options() for style in reversed(readings.values()))
            raise ValueError(f"line {line}: {column} is {text!r}, which may be {numbers}: pass {advice}")
        if not abs(next(iter(readings))) <= LARGEST:
            raise ValueError(f"line {line}: {column} is {text!r}, too large: divide by a power of 10")
    return [fitting[0].number(text) if text else float("nan") for text in texts], fitting[0]


def _styles(characters, decimal, thousands):
    """Those whose marks are among the characters; the plain one comes first."""
    found = set(characters.replace("’", "'").translate(dict.fromkeys(map(ord, SPACES), " ")))
    between = ["", *found.intersection(GROUPS)] if thousands is None else [thousands]
    decimals = [decimal] if decimal else ".," if found & {".", ",", thousands} else "."
    return [Style(mark, group) for mark in decimals for group in sorted(between) if group != mark]


def _first_misfit(style, given):
    """The first text, with its line, that is no number in a style."""
    is_number = style.pattern().fullmatch
    return next(((text, line) for text, line in given if not is_number(text)), None)


def _no_numbers(styles, given, column):
    """What to say of the first text that is no number in the style of most."""
    counts = {style: sum(style.pattern().fullmatch(text) is not None for text, _ in given) for style in styles}
    style = max(counts, key=counts.get)
    text, line = _first_misfit(style, given)
    start = f"line {line}: {column} is {text!r}, no number"
    if not re.search("[0-9]", text):
        return f"{start}: remove the line, or leave {column} empty if it is missing"
    if re.fullmatch(r"\([^()]*\)", text):
        return f"{start}: write it such as -1234{style.decimal}5 in place of (1234{style.decimal}5)"
    strange = "".join(dict.fromkeys(re.sub(r"[-+0-9.,'\s]", "", text)))
    return f"{start}: write it such as 1234{style.decimal}5" + f" without {strange!r}" * bool(strange)
