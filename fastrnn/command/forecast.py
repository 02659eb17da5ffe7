"""``fastrnn forecast``: a backtest on the last rows, a fit, and the forecast as table and picture."""

from io import BytesIO
from pathlib import Path

from fastrnn.command.table import pd
from fastrnn.forecaster import SequenceForecaster
from fastrnn.frames.reading import read_series
from fastrnn.inspection import ForecastDisplay
from fastrnn.storage import replacing
from fastrnn.wording import counted

DRAWN, HELD_OUT = 6, 3
"""Series in a picture, and horizons that the backtest is on, at most."""


def forecast(contents, args):
    """Print what was read and how good forecasts have been; then print or write the next steps."""
    y = contents.y
    if len(args.season) > 1 and {"auto", 1} & {*args.season}:
        raise ValueError("--season auto or none stands alone: leave out the others")
    # What is refused is refused before the fit of the backtest; steps are counted with those that are filled in.
    sequences, form = read_series(y, missing=args.missing, names=contents.columns)
    sizes = pd.Series(sequences.lengths, form.ids)
    _describe(contents, sizes)
    seasons = "auto" if "auto" in args.season else args.season
    least = 1 + (1 if seasons == "auto" else max(seasons))
    needed = args.horizon + least
    if sizes.max() < needed:
        what = f"the longest series has {sizes.max()} rows; --horizon {args.horizon} with this season needs {needed}"
        raise ValueError(f"{what}: give more, or forecast fewer steps")
    if sizes.min() < least:
        what = f"series {sizes.idxmin()!r} has {counted(sizes.min(), 'row')}; with this season it needs {least}"
        raise ValueError(f"{what}: give more, leave it out, or pass a shorter --season")
    ends = {end for coverage in args.coverage for end in _ends(coverage)}
    for column in contents.columns:
        if column in ends or column in ("lower", "upper") and column != args.target:
            raise ValueError(f"the column {column} is called like an end of the intervals: rename it in the file")
    tails = sorted({(1 - coverage) / 2 for coverage in args.coverage})
    forecaster = SequenceForecaster(
        horizon=args.horizon, season=seasons, quantiles=[*tails, 0.5, *(1 - tail for tail in tails)],
        missing=args.missing, max_iter=args.epochs, random_state=args.seed, verbose=True)  # fmt: skip
    if not args.no_backtest:
        _backtest(forecaster, y, form, sizes, needed)
    _fit(forecaster, y)
    freq = forecaster._stored().form.freq
    frequency = [] if freq is None else [f"frequency {freq};"]
    print("fitted to all rows;", *frequency, "steps of a season:", *forecaster.season_)
    _write(args, forecaster, contents)


def _describe(contents, sizes):
    """What was read, and how: nothing that was found out by itself stays unsaid."""
    table, times, write = contents.table, contents.y[contents.columns[1]], contents.write
    steps = "-".join(map(str, sorted({sizes.min(), sizes.max()})))
    print(f"{table.name}: {len(sizes)} series of {steps} steps, {write(times.min())} to {write(times.max())}")
    if table.header > 1:
        print(f"the header is line {table.header}")
    if contents.options:
        print("read with", contents.options)


def _backtest(forecaster, y, form, sizes, needed):
    """On the last horizons of what is long enough, by a fit on what comes before."""
    horizon = forecaster.horizon
    k = min(HELD_OUT, int(sizes.median() - needed) // horizon)
    if k < 1:
        print(f"no backtest: it needs {needed + horizon} rows of a series")
        return
    ends = pd.Series(form.clock.index(form.clock.moved(form.ends, -k * horizon)), form.ids)
    series, time, _ = y.columns
    y = y[y[series].map(sizes) >= needed + k * horizon]
    _fit(forecaster, y[y[time] <= y[series].map(ends)])
    tested = forecaster.backtest(y, step=horizon, metrics=("mase", "smape", "mae", "coverage"))
    print(f"\nBacktest on the last {k * horizon} steps, unseen by its fit (coverage: of the widest interval)")
    print(f"{tested}\n")


def _fit(forecaster, y):
    forecaster.fit(y, **dict(zip(("id_col", "time_col", "target_col"), y.columns, strict=True)))


def _write(args, forecaster, contents):
    """The forecast as a table, in the form of the file, and as a picture."""
    table = forecaster.predict()
    time = contents.columns[1]
    table[time] = table[time].map(contents.write)
    for coverage in sorted(set(args.coverage)):
        table[_ends(coverage)] = forecaster.predict_interval(coverage)[["lower", "upper"]]
    table = table if args.id else table.iloc[:, 1:]
    if args.out is None:
        print(table.to_string(index=False))
    else:
        form = {"sep": contents.table.separator, "encoding": contents.table.encoding}
        form["compression"] = {"method": "gzip", "mtime": 0} if args.out.endswith(".gz") else None
        with replacing(args.out) as unfinished:
            table.to_csv(unfinished, index=False, float_format="%.10g", decimal=contents.style.decimal, **form)
    if args.plot is not None:
        _draw(forecaster, args.plot)


def _ends(coverage):
    """What the ends of an interval are called."""
    return [f"{end}_{100 * coverage:.10g}" for end in ("lower", "upper")]


def _draw(forecaster, path):
    from matplotlib.figure import Figure

    n = min(DRAWN, n_series := forecaster._stored().form.n_series)
    axes = Figure(figsize=(8, 1 + 3 * n), layout="constrained").subplots(n, squeeze=False).ravel()
    for k, ax in enumerate(axes):
        ForecastDisplay.from_estimator(forecaster, series=k, ax=ax).ax_.get_legend().set_visible(k == 0)
    with replacing(path) as unfinished:
        ax.figure.savefig(unfinished, format=Path(path).suffix[1:])
    if n < n_series:
        print(f"{path} shows the first {n} of {n_series} series")


def check_picture(path):
    """What cannot be drawn shall not be found out after the fit."""
    from fastrnn.inspection.drawing import check_matplotlib

    check_matplotlib("--plot")
    from matplotlib.figure import Figure

    Figure().savefig(BytesIO(), format=Path(path).suffix[1:] or "nothing")  # an error names what there is
