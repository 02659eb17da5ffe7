#!/usr/bin/env bash
# seqeval 1.2.2 (with NumPy 2.3.5).  Where neither the labels nor the predictions have a span, precision, recall and F1
# divide zero by zero, and one expects zero_division to say what they are then, as it does for average="micro" and
# "weighted".  What happens: average="macro" is NaN for either zero_division, in both modes, with no error.
# A fold of a cross-validation without an entity makes the mean over all folds NaN, and a search then knows no order.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "seqeval==1.2.2" "numpy==2.3.5" "scikit-learn==1.7.2"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version
from math import isnan

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

nothing = [["O", "O", "O"], ["O"]]
modes = {"lenient": {}, "strict": {"mode": "strict", "scheme": IOB2}}
print("seqeval", version("seqeval"))
as_said = []
for average in ("micro", "weighted", "macro"):
    for zero_division in (0, 1):
        options = {"average": average, "zero_division": zero_division}
        found = [
            float(score(nothing, nothing, **options, **mode))
            for mode in modes.values()
            for score in (precision_score, recall_score, f1_score)
        ]
        print(f"{average}, zero_division={zero_division}: {sorted({str(one) for one in found})} in both modes")
        is_right = map(isnan, found) if average == "macro" else (one == zero_division for one in found)
        as_said.append(all(is_right))
raise SystemExit(not all(as_said))
PYTHON
