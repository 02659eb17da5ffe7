"""Load small real data sets, and make tasks with a known answer."""

from fastrnn.datasets.generated import (
    NUMBER_AGREEMENT_VOCABULARY,
    make_adding_problem,
    make_binary_addition,
    make_copy_memory,
    make_number_agreement,
)
from fastrnn.datasets.real import load_air_passengers, load_japanese_vowels

__all__ = ["NUMBER_AGREEMENT_VOCABULARY", "load_air_passengers", "load_japanese_vowels", "make_adding_problem",
           "make_binary_addition", "make_copy_memory", "make_number_agreement"]  # fmt: skip
