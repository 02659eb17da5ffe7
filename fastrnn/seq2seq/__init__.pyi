from fastrnn.seq2seq.autoencoder import SequenceAutoencoder
from fastrnn.seq2seq.sequence import SequenceToSequence
from fastrnn.seq2seq.vector import VectorToSequence

__all__ = ["SequenceAutoencoder", "SequenceToSequence", "VectorToSequence"]
