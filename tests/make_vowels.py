"""Writes fastrnn/datasets/data/japanese_vowels.npz, from the archive's two `.ts` files in the folder where it runs."""

import zipfile
import zlib

import numpy as np


def main():
    """Read both files, and write what `load_japanese_vowels` reads."""
    rows, lengths, speakers = [], [], []
    for part in ("TRAIN", "TEST"):
        with open(f"JapaneseVowels_{part}.ts") as file:
            for line in file.read().split("@data\n")[1].split():
                *channels, speaker = line.split(":")
                utterance = np.array([channel.split(",") for channel in channels], dtype=float).T
                rows.append(np.rint(utterance * 1e6).astype(np.int32))
                lengths.append(len(utterance))
                speakers.append(int(speaker))
    changes = np.diff(np.concatenate(rows), axis=0, prepend=0)
    # There are frequent numbers, but no repeats: zlib makes less of them if it does not look for any, and if it counts
    # anew after 8,192 numbers, of which a channel has 10,000.
    zipfile._get_compressor = lambda *_: zlib.compressobj(9, zlib.DEFLATED, -15, 7, zlib.Z_HUFFMAN_ONLY)
    np.savez_compressed(
        "japanese_vowels.npz",
        high=(changes >> 16).astype(np.int8),
        low=(changes & 0xFFFF).astype(np.uint16),
        lengths=np.array(lengths, np.uint8),
        speakers=np.array(speakers, np.uint8),
    )


if __name__ == "__main__":
    main()
