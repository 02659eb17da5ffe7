"""Are scores of spans those of seqeval?

    python -m benchmarks.promises.span_scores --data DIR [--json FILE]

Precision, recall and F1 of the slots of SNIPS' test part, by each average: of what a small tagger predicts, and of the
true tags with a fifth of them replaced by others, also as IOBES. Fails where a figure is further than 1e-9 from
seqeval's.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
from sklearn.pipeline import make_pipeline

from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.quality.corpora import read_snips
from benchmarks.quality.options import parser
from fastrnn import SequenceTagger, metrics
from fastrnn.preprocessing import Tokenizer

TOLERANCE, REPLACED = 1e-9, 0.2
SCORES = ("precision", "recall", "f1")
AVERAGES = ("micro", "macro", "weighted", None)
MODES = {"lenient": {}, "strict IOB2": {"mode": "strict", "scheme": "IOB2"},
         "strict IOBES": {"mode": "strict", "scheme": "IOBES"}}  # fmt: skip


def as_iobes(tags):
    """Return IOB2 tags with E at the ends of spans, and S for those of one step."""
    goes_on = [after.startswith("I-") and after[2:] == tag[2:] for tag, after in itertools.pairwise([*tags, "O"])]
    ends = {"B": "S", "I": "E"}
    return [tag if more or tag == "O" else ends[tag[0]] + tag[1:] for tag, more in zip(tags, goes_on, strict=True)]


def predicted(split):
    """Return what a small tagger says of the test part."""
    tagger = SequenceTagger(hidden_size=32, max_iter=3, random_state=0)
    model = make_pipeline(Tokenizer(), tagger).fit(split.X_train, split.y_train)
    return [tags.tolist() for tags in model.predict(split.X_test)]


def damaged(y):
    """Return the tags with some of them replaced by any other."""
    rng, known = np.random.default_rng(0), sorted({tag for tags in y for tag in tags})
    return [[str(rng.choice(known)) if rng.random() < REPLACED else tag for tag in tags] for tags in y]


def compared(y, said, options):
    """Return the micro F1, and the largest distance of a figure from seqeval's."""
    from seqeval import metrics as theirs
    from seqeval import scheme

    other = {name: getattr(scheme, value) if name == "scheme" else value for name, value in options.items()}
    apart = []
    for score, average in itertools.product(SCORES, AVERAGES):
        own = getattr(metrics, f"span_{score}_score")(y, said, average=average, zero_division=0.0, **options)
        beside = getattr(theirs, f"{score}_score")(y, said, average=average, zero_division=0, **other)
        apart.append(np.abs(np.subtract(own, beside)).max())
    return metrics.span_f1_score(y, said, **options), float(max(apart))


def main(arguments=None):
    """Compare, print, and say whether the bound holds."""
    options = parser("promises.span_scores")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    split, rows = read_snips(options.data), []
    for name, said in {"a tagger's": predicted(split), "damaged": damaged(split.y_test)}.items():
        for mode, given in MODES.items():
            y, tags = ([*map(as_iobes, of)] if "IOBES" in mode else of for of in (split.y_test, said))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # seqeval's, of types that are never predicted
                f1, apart = compared(y, tags, given)
            rows.append({"tags": name, "mode": mode, "F1": f1, "apart": apart, "passed": apart <= TOLERANCE})
    cells = [[row["tags"], row["mode"], f"{row['F1']:.4f}", f"{row['apart']:.1e}"] for row in rows]
    print(markdown_table(["tags", "mode", "F1", "from seqeval's at most"], cells))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("scores of spans are not those of seqeval")


if __name__ == "__main__":
    main()
