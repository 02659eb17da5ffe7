#!/usr/bin/env bash
# utilsforecast 0.2.17 (of Nixtla's forecasting packages).  Its scores take a table of pandas or of polars.  One expects
# the same number from either, and that all scores of one call of `evaluate` judge the same steps.  What happens:
# - `mape` of a pandas table leaves out steps at which the series is 0, as its authors mean it; that of a polars table
#   with the same numbers is NaN;
# - a step without an actual value is left out by mae, mape and nd.  In a pandas table `coverage` counts it as missed by
#   the interval, and `calibration` as above the quantile; in a polars table they leave it out.
# No message.  On pandas, intervals look too narrow by the share of gaps in the data, and scores that one team has on
# pandas and another on polars cannot be compared.  Leave such rows out before scoring.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "numpy==2.3.5" "pandas==2.3.3" "polars==2.1.0"
"$work/venv/bin/pip" install -q "utilsforecast==0.2.17" "narwhals==2.29.0"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version
from math import isnan

import pandas as pd
import polars as pl
from utilsforecast.evaluation import evaluate
from utilsforecast.losses import calibration, coverage, mae, mape, nd

print("utilsforecast", version("utilsforecast"))


def both(actual):
    """A table of each library with the same numbers; the forecast and its interval are the same at all steps."""
    n = len(actual)
    columns = {"unique_id": ["a"] * n, "ds": list(range(n)), "y": actual, "m": [11.0] * n}
    columns |= {"m-lo-80": [9.0] * n, "m-hi-80": [12.0] * n}
    return pd.DataFrame(columns), pl.DataFrame(columns)


zero = [float(mape(table, ["m"])["m"][0]) for table in both([10.0, 0.0, 10.0, 10.0])]
print(f"mape of a series with one 0: {zero[0]:.2f} in pandas, {zero[1]:.2f} in polars")

gap = both([10.0, None, 10.0, 10.0])
seen = []
for table in gap:
    scores = evaluate(table, [mae, mape, nd, coverage], level=[80])
    seen.append({name: round(float(score), 3) for name, score in zip(scores["metric"], scores["m"])})
    seen[-1]["calibration"] = round(float(calibration(table, {"m": "m-hi-80"})["m"][0]), 3)
    print(f"one of four steps has no actual value, {type(table).__module__.split('.')[0]}: {seen[-1]}")
left_out = {"mae": 1.0, "mape": 0.1, "nd": 0.1, "coverage_level80": 1.0, "calibration": 1.0}
counted = {**left_out, "coverage_level80": 0.75, "calibration": 0.75}
print("pandas counts the gap in coverage and calibration alone:", seen[0] == counted)
print("polars leaves it out of all:", seen[1] == left_out)
raise SystemExit(not (abs(zero[0] - 0.1) < 1e-9 and isnan(zero[1]) and seen == [counted, left_out]))
PYTHON
