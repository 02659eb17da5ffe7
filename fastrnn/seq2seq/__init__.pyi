from fastrnn.seq2seq.sequence import SequenceToSequence
from fastrnn.seq2seq.vector import VectorToSequence

__all__ = ["SequenceToSequence", "VectorToSequence"]
