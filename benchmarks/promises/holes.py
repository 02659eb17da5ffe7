"""How much of a score is left where numbers are missing, and what do times tell?

    python -m benchmarks.promises.holes --data DIR [--seeds 5] [--only JapaneseVowels,sines] [--json FILE]

Three sets in their published split, with 10, 30 and 50 % of the values removed from both parts: from JapaneseVowels and
BasicMotions at random, from ItalyPowerDemand a stretch of each series.  The accuracy of a `SequenceClassifier` with
nothing set but `missing` (and bidirectional=False with "decay"), the mean over seeds, which draw the holes too: without
holes, with "mask", "forward" and "decay", and where the mean of each feature in the training part is written into the
holes before.  Then sines of random frequencies, sampled at random times by clocks that run at different speeds: the
mean error of a `SequenceRegressor`'s frequency, with `time_column`, with "decay" beside it, and without.  Fails where
"mask" and "decay" both keep less of the score without holes than .97, .95 and .90, or are no better than the mean, or
where times leave more than half of the error.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.metrics import mean_absolute_error

from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.quality.readers import read_ts_split
from fastrnn import SequenceClassifier, SequenceRegressor

KEPT = {0.1: 0.97, 0.3: 0.95, 0.5: 0.90}
"""Of the score without holes, at least, by the share that is missing."""
WAYS = "mask", "forward", "decay", "mean"
N_SINES, HALF = 600, 0.5


def at_random(x, share, rng):
    """Return x (T, I) without a share of its values."""
    return np.where(rng.random(x.shape) < share, np.nan, x)


def in_a_stretch(x, share, rng):
    """Return x (T, I) without a stretch of steps, of this share of them."""
    n = round(share * len(x))
    first, x = rng.integers(len(x) - n + 1), x.copy()
    x[first : first + n] = np.nan
    return x


SETS = {"JapaneseVowels": at_random, "BasicMotions": at_random, "ItalyPowerDemand": in_a_stretch}


def with_means(train, test):
    """Return both parts with the mean of each feature of the training part in their holes."""
    mean = np.nanmean(np.concatenate(train), axis=0)
    return [[np.where(np.isnan(x), mean, x) for x in part] for part in (train, test)]


def accuracy(train, y_train, test, y_test, missing, seed):
    """Return the accuracy of a fit on one part on the other."""
    parts = train, test
    if missing == "mean":
        parts, missing = with_means(train, test), "error"
    ways = {"bidirectional": False} if missing == "decay" else {}
    model = SequenceClassifier(missing=missing, random_state=seed, **ways).fit(parts[0], y_train)
    return model.score(parts[1], y_test)


def scores(data, name, seeds):
    """Return a row for each share of a set's values."""
    split = read_ts_split(data, name)
    whole = [[x.reshape(len(x), -1) for x in part] for part in (split.X_train, split.X_test)]
    none = np.mean([accuracy(whole[0], split.y_train, whole[1], split.y_test, "error", seed) for seed in range(seeds)])
    rows = []
    for share, kept in KEPT.items():
        found = {way: [] for way in WAYS}
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            train, test = ([SETS[name](x, share, rng) for x in part] for part in whole)
            for way in WAYS:
                found[way].append(accuracy(train, split.y_train, test, split.y_test, way, seed))
        means = {way: float(np.mean(of_seeds)) for way, of_seeds in found.items()}
        best = max(means["mask"], means["decay"])
        passed = best >= kept * none and best > means["mean"]
        rows.append(
            {"set": name, "missing": share, "none": float(none), **means, "kept": best / none, "passed": bool(passed)}
        )
    return rows


def sines(seed, n=N_SINES):
    """Return sines (T, 2), values and times, of random frequencies; each clock has a speed of its own."""
    rng = np.random.default_rng(seed)
    frequencies, X = rng.uniform(0.5, 2.0, n), []
    for frequency in frequencies:
        gaps = rng.exponential(0.3 * 2 ** rng.uniform(-1.5, 1.5), rng.integers(20, 40))
        times = gaps.cumsum() + rng.uniform(0, 1000)
        X.append(np.column_stack([np.sin(frequency * times + rng.uniform(0, 2 * np.pi)), times]))
    return X, frequencies


def errors(seed):
    """Return the mean errors of the frequency, with times, with decay, and without."""
    X, y = sines(seed)
    half = len(X) // 2
    with_times, decays = (
        SequenceRegressor(missing=missing, time_column=1, random_state=seed).fit(X[:half], y[:half])
        for missing in ("error", "decay")
    )
    values = [x[:, :1] for x in X]
    without = SequenceRegressor(random_state=seed).fit(values[:half], y[:half])
    return [
        mean_absolute_error(y[half:], model.predict(part[half:]))
        for model, part in ((with_times, X), (decays, X), (without, values))
    ]


def main(arguments=None):
    """Measure, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.holes")
    parser.add_argument("--data", required=True, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default=",".join([*SETS, "sines"]), help="sets, separated by commas")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    asked = options.only.split(",")
    rows = [row for name in SETS if name in asked for row in scores(options.data, name, options.seeds)]
    cells = [
        [row["set"], f"{row['missing']:.0%}", *(f"{row[key]:.3f}" for key in ("none", *WAYS, "kept")),
         f"{KEPT[row['missing']]:.2f}", "yes" if row["passed"] else "NO"]
        for row in rows
    ]  # fmt: skip
    print(markdown_table(["set", "missing", "no holes", *WAYS, "kept", "asked", "passed"], cells))
    if "sines" in asked:
        of_times, decay, without = np.mean([errors(seed) for seed in range(options.seeds)], axis=0)
        ratio = of_times / without
        rows.append({"set": "sines", "times": of_times, "decay": decay, "none": without, "passed": bool(ratio <= HALF)})
        print(f"\nerror of the frequency of sines: {of_times:.3f} with times ({ratio:.2f} of that without), ")
        print(f"{decay:.3f} if they decay as well, {without:.3f} without")
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("holes cost more than they may, or times tell too little")


if __name__ == "__main__":
    main()
