"""Figures frozen from textgenrnn 2.0.0 on TensorFlow 2.21.0 and tf_keras 2.21.0: tests/fixtures/textgenrnn.safetensors.

`python tests/make_textgenrnn.py`, from the root, writes the probabilities of the next character after each of
`benchmarks.promises.public_models.TEXTS`.  CONTRIBUTING.md says how to install what it needs.
"""

import sys
from pathlib import Path

from safetensors.numpy import save_file

ROOT = Path(__file__).parent.parent
PATH = ROOT / "tests" / "fixtures" / "textgenrnn.safetensors"

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from benchmarks.promises.public_models import TEXTS, own_textgenrnn, windows

    x = windows(TEXTS)
    save_file({"windows": x, "probabilities": own_textgenrnn().predict(x, verbose=0)}, PATH)
