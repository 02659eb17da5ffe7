"""Numbers as people write them; all of a column are written alike, or none is read."""

import re
from collections import namedtuple

from fastrnn.command.table import pd, refuse

MISSING = {"", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "#n/a", "#na"}
"""In small letters, what stands for a missing number."""
GROUPS = {"": "", ",": ",", ".": r"\.", " ": "[ \u00a0\u2009\u202f]", "'": "['’]"}
"""Marks between thousands, and the patterns of them."""
LARGEST = 1e150
"""The forecaster takes no larger ones."""


class Style(namedtuple("Style", "decimal, thousands", defaults=(".", ""))):
    """How numbers are written: their decimal mark, and what stands between thousands, or nothing."""

    def read(self, text):
        """The numbers of a Series of str, NaN for what is none in this style."""
        group, whole, mark = GROUPS[self.thousands], "[0-9]+", re.escape(self.decimal)
        if group:
            digits = "[0-9]{2,3}" if group == "," else "[0-9]{3}"  # in India 12,34,567
            whole += f"|[1-9][0-9]{{0,2}}(?:{group}{digits})*{group}[0-9]{{3}}"
        is_number = text.str.fullmatch(f"[-+]?(?:(?:{whole})(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][-+]?[0-9]+)?")
        plain = text.where(is_number).str.replace(group, "", regex=True) if group else text.where(is_number)
        return plain.str.replace(self.decimal, ".", regex=False).astype(float)

    def options(self):
        """What says so at the command line."""
        return f'--decimal "{self.decimal}"' + f' --thousands "{self.thousands}"' * bool(self.thousands)


STYLES = [Style(mark, group) for mark in ".," for group in GROUPS if group != mark]


def read_numbers(text, *, decimal=None, thousands=None):
    """The numbers of a column, NaN where they are missing, and their style.

    Parameters
    ----------
    text : Series of str
        The column, with its name, and the lines of the file as its index.
    decimal, thousands : str, optional
        The marks; by default those by which all texts are numbers.

    Returns
    -------
    Series of float, Style

    Raises
    ------
    ValueError
        If there are no such marks, or several by which the numbers differ.

    Examples
    --------
    >>> numbers, style = read_numbers(pd.Series(["1.234,5", "NA"], name="y"))
    >>> numbers.tolist(), style
    ([1234.5, nan], Style(decimal=',', thousands='.'))
    >>> read_numbers(pd.Series(["1.234"], [2], name="y"))
    Traceback (most recent call last):
        ...
    ValueError: line 2: y is '1.234', which may be 1.234 or 1234: pass --decimal "." or --decimal "," --thousands "."
    """
    given = text[~text.str.lower().isin(MISSING)].str.replace("\u2212", "-")
    styles = [style for style in STYLES if decimal in (None, style.decimal) and thousands in (None, style.thousands)]
    if not styles:
        raise ValueError(f"--decimal and --thousands are both {decimal!r}: leave one out")
    found = {style: style.read(given) for style in styles}
    fitting = {style: numbers for style, numbers in found.items() if numbers.notna().all()}
    if not fitting:
        advice = ", or leave out --decimal and --thousands" * bool(decimal or thousands)
        raise ValueError(_no_numbers(found, given) + advice)
    style, numbers = next(iter(fitting.items()))
    refuse(numbers.abs() > LARGEST, given, "too large: divide by a power of 10")
    differ = pd.concat([its != numbers for its in fitting.values()], axis=1).any(axis=1)
    for line in differ.index[differ]:
        readings = {its[line]: style for style, its in reversed(fitting.items())}
        values = " or ".join(f"{number:.10g}" for number in reversed(readings))
        advice = " or ".join(style.options() for style in reversed(readings.values()))
        raise ValueError(f"line {line}: {given.name} is {text[line]!r}, which may be {values}: pass {advice}")
    return numbers.reindex(text.index), style


def _no_numbers(found, given):
    """What to say of the first text that is no number in the style of most."""
    style = max(found, key=lambda style: found[style].notna().sum())
    line = found[style].isna().idxmax()
    start, text = f"line {line}: {given.name} is {given[line]!r}, no number", given[line]
    if not re.search("[0-9]", text):
        return f"{start}: remove the line, or leave {given.name} empty if it is missing"
    if re.fullmatch(r"\([^()]*\)", text):
        return f"{start}: write it such as -1234{style.decimal}5 in place of (1234{style.decimal}5)"
    strange = "".join(dict.fromkeys(re.sub(r"[-+0-9.,'\s]", "", text)))
    return f"{start}: write it such as 1234{style.decimal}5" + f" without {strange!r}" * bool(strange)
