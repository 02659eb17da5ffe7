"""Prepare sequences before an estimator reads them: tokens, scales, windows, padding, containers of other libraries."""

from fastrnn.preprocessing.containers import (
    from_channels_first,
    from_concatenated,
    from_long,
    from_nan_padded,
    from_nested,
    to_channels_first,
    to_concatenated,
    to_long,
)
from fastrnn.preprocessing.scaling import SequenceScaler
from fastrnn.preprocessing.tokenizer import Tokenizer
from fastrnn.preprocessing.windows import SlidingWindow, pad_sequences, unpad_sequences

__all__ = ["SequenceScaler", "SlidingWindow", "Tokenizer", "from_channels_first", "from_concatenated", "from_long",
           "from_nan_padded", "from_nested", "pad_sequences", "to_channels_first", "to_concatenated", "to_long",
           "unpad_sequences"]  # fmt: skip
