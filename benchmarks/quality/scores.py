"""Tasks fitted and scored: a row for each bar, and the table of the rows."""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.measuring.report import markdown_table, significant
from benchmarks.quality.settings import SETTINGS
from benchmarks.quality.tasks import MEANS, build


def run_task(task, data, seeds, settings=SETTINGS):
    """Fit and score once a seed; return a row for each bar."""
    settings = settings.get(task.name, {})
    split = task.read(data)
    scores, seconds = [], []
    for seed in range(min(seeds, task.seeds or seeds)):
        start = time.perf_counter()
        model = build(task, settings, seed).fit(split.X_train, split.y_train)
        seconds.append(time.perf_counter() - start)
        scores.append(task.scores(model, split))
        shown = ", ".join(f"{score:.4f}" for score in scores[-1])
        print(f"{task.name}, seed {seed}: {shown}, {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
    return [
        make_row(task.name, settings, bar, list(values), float(np.median(seconds)), task.seconds)
        | {"published": task.beside(bar, split)}
        for bar, values in zip(task.bars, zip(*scores, strict=True), strict=True)
    ]


def make_row(name, settings, bar, scores, seconds, seconds_allowed=None):
    """Return what is reported of a task and one of its bars; `scores` are one a seed."""
    mean = float(np.mean(scores))
    in_time = seconds_allowed is None or seconds <= seconds_allowed
    return {
        "set": name,
        "settings": settings,
        "metric": bar.metric.name,
        "scores": scores,
        "mean": mean,
        "std": float(np.std(scores)),
        "floor": bar.floor,
        "published": bar.published,
        "seconds": seconds,
        "seconds_allowed": seconds_allowed,
        "passed": bar.metric.meets(mean, bar.floor) and in_time,
    }


def mean_rows(rows, means=MEANS):
    """Return the rows of means all of whose tasks are among the rows; a score is a seed's mean."""
    found = {}
    for row in rows:
        found.setdefault(row["set"], row)
    return [mean_row(mean, [found[name] for name in mean.of]) for mean in means if found.keys() >= set(mean.of)]


def mean_row(mean, rows):
    """Return the row of one mean."""
    scores = np.mean([row["scores"] for row in rows], axis=0).tolist()
    return make_row(mean.name, None, mean.bar, scores, float(np.mean([row["seconds"] for row in rows])))


def table(rows):
    """Return the rows as a Markdown table."""
    columns = ["set", "settings", "metric", "mean", "std", "floor", "published", "s a fit", "passed"]
    return markdown_table(columns, [table_row(row) for row in rows])


def table_row(row):
    """Return a row's cells."""
    figures = [significant(row[key], 4) for key in ("mean", "std", "floor")]
    return [
        row["set"],
        settings_text(row["settings"]),
        row["metric"],
        *figures,
        row["published"],
        seconds_text(row),
        "yes" if row["passed"] else "NO",
    ]


def settings_text(settings):
    """Return settings as arguments read in code; those of a mean, None, are its tasks' own."""
    if settings is None:
        return "as above"
    return ", ".join(f"{name}={value!r}" for name, value in settings.items()) or "defaults"


def seconds_text(row):
    """Return a fit's median seconds, beside what it may last."""
    allowed = row["seconds_allowed"]
    return significant(row["seconds"]) + (f" (of {allowed:.0f})" if allowed else "")
