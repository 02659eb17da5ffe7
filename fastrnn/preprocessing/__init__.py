"""What is done to sequences before an estimator reads them."""

from fastrnn.preprocessing.scaling import SequenceScaler
from fastrnn.preprocessing.tokenizer import Tokenizer
from fastrnn.preprocessing.windows import SlidingWindow, pad_sequences, unpad_sequences

__all__ = ["SequenceScaler", "SlidingWindow", "Tokenizer", "pad_sequences", "unpad_sequences"]
