"""A forecaster on a Dask cluster: what all series tell is exact over partitions, and answers come in their kind."""

import os
import pickle
import signal

import numpy as np
import pytest
from sklearn.base import clone

import fastrnn
from fastrnn import SequenceForecaster

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
dask = pytest.importorskip("dask", reason="Dask is not installed")
bag = pytest.importorskip("dask.bag", reason="Dask is not installed")

from fastrnn.dask import DaskSequenceForecaster  # noqa: E402

QUICK = {"hidden_size": 8, "max_iter": 2, "random_state": 0, "shrinkage": None}
T = np.arange(140)


@pytest.fixture(scope="module")
def client():
    """Two workers, processes of one thread each."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def here():
    """A cluster in this process."""
    return distributed.Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=":0")


def delayed(items, n):
    """So many partitions, which Dask makes when it needs them, and makes again."""
    return [dask.delayed(list)([items[i] for i in part]) for part in np.array_split(np.arange(len(items)), n)]


def waves(n=24, shortest=90):
    """Series of several lengths with a season."""
    rng = np.random.default_rng(0)
    return [
        50 + 10 * np.sin(2 * np.pi * T[:k] / 12 + shift) + rng.standard_normal(k)
        for k, shift in zip(rng.integers(shortest, T.size, n), rng.uniform(0, 6, n), strict=True)
    ]


def covariates(y, ahead=0):
    """Events that each move a series, known for so many steps more."""
    return [(np.arange(len(x) + ahead) % 17 < 2)[:, np.newaxis] * 1.0 for x in y]


def with_events(y):
    return [x + 8 * events[:, 0] for x, events in zip(y, covariates(y), strict=True)]


CASES = {
    "plain": ({}, None),
    "short": ({"horizon": 3}, lambda: [x[:40] for x in waves()]),
    "given": ({"season": 12, "horizon": 6, "linear_lags": 14, "smoothing": False}, None),
    "calibrated": ({"horizon": 4, "calibration": 3, "loss": "squared_error"}, None),
    "recursive": ({"strategy": "recursive", "loss": "gaussian", "horizon": 5}, None),
    "whole": ({"context": None, "difference": False, "seasonal_difference": False, "season": None}, None),
    "smoothing": ({"smoothing": True, "horizon": 6, "season": 12}, None),
    "mixture": ({"loss": "mixture", "horizon": 4, "n_components": 2}, None),
    "counts": ({"loss": "negative_binomial", "horizon": 6}, lambda: [np.rint(x) for x in waves()]),
    "lbfgs": ({"solver": "lbfgs", "horizon": 6}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_one_partition_gives_the_bits_of_a_plain_fit(client, case):
    more, make = CASES[case]
    y = (make or waves)()
    theirs, mine = (
        DaskSequenceForecaster(**QUICK, **more).fit(delayed(y, 1)),
        SequenceForecaster(**QUICK, **more).fit(y),
    )
    np.testing.assert_array_equal(theirs.network_.theta, mine.network_.theta)
    np.testing.assert_array_equal(theirs.linear_coef_, mine.linear_coef_)
    assert theirs.loss_curve_ == mine.loss_curve_ and theirs._lens == mine._lens
    np.testing.assert_array_equal(theirs.predict()[0].compute(), mine.predict())
    if mine._calibration is not None:
        np.testing.assert_array_equal(theirs._calibration, mine._calibration)
        np.testing.assert_array_equal(theirs.predict_interval(0.5)[0].compute(), mine.predict_interval(0.5))


def test_what_is_exact_over_partitions_is_that_of_all_series(client):
    y = with_events(waves())
    known = {**QUICK, "horizon": 6, "calibration": 2, "max_iter": 1}
    theirs = DaskSequenceForecaster(**known).fit(delayed(y, 3), future=delayed(covariates(y), 3))
    mine = SequenceForecaster(**known).fit(y, future=covariates(y))
    lens, other = dict(theirs._lens), dict(mine._lens)
    np.testing.assert_allclose(lens.pop("effects"), other.pop("effects"), rtol=1e-9)
    assert lens == other and theirs.horizon_ == mine.horizon_
    np.testing.assert_allclose(theirs.linear_coef_, mine.linear_coef_, rtol=1e-6, atol=1e-9)
    assert theirs._calibration.shape == mine._calibration.shape


@pytest.fixture(scope="module")
def single():
    """A cluster of one worker beside the other."""
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.mark.parametrize("more", [{}, {"partitions_at_once": 2}], ids=["together", "in turn"])
@pytest.mark.parametrize("rounds", ["synchronous", "local"])
def test_bits_depend_on_the_partitions_and_not_on_the_workers(client, single, rounds, more):
    y, known = waves(), {**QUICK, "rounds": rounds, "local_steps": 2, "horizon": 6, "batch_size": 4, **more}
    two = DaskSequenceForecaster(**known).fit(delayed(y, 5))
    with here() as other:
        one = DaskSequenceForecaster(**known, client=other).fit(delayed(y, 5))
    alone = DaskSequenceForecaster(**known, client=single).fit(delayed(y, 5))
    np.testing.assert_array_equal(two.network_.theta, one.network_.theta)
    np.testing.assert_array_equal(two.network_.theta, alone.network_.theta)
    assert two.loss_curve_ == one.loss_curve_ == alone.loss_curve_


@pytest.mark.parametrize("rounds", ["synchronous", "local"])
def test_no_more_partitions_are_prepared_than_may_be_at_once(client, rounds):
    held = []

    def count(progress):
        held.append(client.run_on_scheduler(prepared))

    known = {**QUICK, "rounds": rounds, "batch_size": 4, "callbacks": [count]}
    DaskSequenceForecaster(**known, partitions_at_once=2).fit(delayed(waves(), 6))
    assert max(held) <= 2
    DaskSequenceForecaster(**known).fit(delayed(waves(), 6))
    assert held[-1] == 6


def prepared(dask_scheduler):
    return sum(task.state == "memory" for key, task in dask_scheduler.tasks.items() if str(key).startswith("Share-"))


class Most(distributed.SchedulerPlugin):
    """The most shares that were in memory together."""

    def __init__(self):
        self.held, self.most = set(), 0

    def transition(self, key, start, finish, *args, **kwargs):
        if str(key).startswith("Share-"):
            (self.held.add if finish == "memory" else self.held.discard)(key)
            self.most = max(self.most, len(self.held))


def test_lbfgs_asks_no_more_partitions_than_may_be_at_once():
    y, known = waves(), {**QUICK, "solver": "lbfgs", "season": 12, "horizon": 6}
    with here() as client:
        together = DaskSequenceForecaster(**known).fit(delayed(y, 5))
        most = Most()
        client.cluster.scheduler.add_plugin(most)
        in_turn = DaskSequenceForecaster(**known, partitions_at_once=2).fit(delayed(y, 5))
    assert most.most == 2
    np.testing.assert_array_equal(in_turn.network_.theta, together.network_.theta)


def test_a_killed_worker_changes_nothing(client):
    y, known = waves(), {**QUICK, "max_iter": 4, "rounds": "local", "partitions_at_once": 2}
    undisturbed = DaskSequenceForecaster(**known).fit(delayed(y, 5))

    def kill(progress):
        if progress.epoch == 2:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    disturbed = DaskSequenceForecaster(**known, callbacks=[kill]).fit(delayed(y, 5))
    np.testing.assert_array_equal(disturbed.network_.theta, undisturbed.network_.theta)
    client.wait_for_workers(2, timeout=60)
    np.testing.assert_array_equal(np.concatenate(dask.compute(*disturbed.predict())), undisturbed.predict(history=y))


def test_answers_come_in_the_kind_of_the_series(client):
    y = [x[:90] for x in waves(9)]
    known = {**QUICK, "horizon": 6, "season": 12}
    futures = client.scatter([np.array(y[:4]), np.array(y[4:])])
    by_future = DaskSequenceForecaster(**known).fit(futures)
    by_bag = DaskSequenceForecaster(**known).fit(bag.from_sequence(y, npartitions=2))
    model = by_future.to_local()
    expected = model.predict(history=y)
    np.testing.assert_array_equal(np.concatenate(client.gather(by_future.predict())), expected)
    np.testing.assert_array_equal(np.concatenate(client.gather(by_future.predict(history=futures))), expected)
    np.testing.assert_array_equal(by_future.predict(history=y), expected)
    quantiles = client.gather(by_future.predict_quantiles([0.1, 0.5], horizon=4))
    np.testing.assert_array_equal(np.concatenate(quantiles), model.predict_quantiles([0.1, 0.5], 4, y))
    answers = by_bag.predict_interval(history=bag.from_sequence(y, npartitions=3)).compute()
    np.testing.assert_array_equal(np.array(answers), by_bag.predict_interval(history=y))
    assert np.shape(by_bag.predict().compute()) == (9, 6)
    np.testing.assert_array_equal(np.array(by_bag.predict(4).compute()), by_bag.predict(4, y))


def test_a_long_frame_is_read_by_id(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    import pandas as pd

    y, days = [x[:90] for x in waves(6)], pd.date_range("2024-01-01", periods=90)
    rows = [pd.DataFrame({"shop": f"s{k}", "day": days, "sold": x}) for k, x in enumerate(y)]
    parts = [dask.delayed(pd.concat)(rows[:2]), dask.delayed(pd.concat)(rows[2:])]
    frame = frames.from_delayed(parts, meta=rows[0].iloc[:0])
    names = {"id_col": "shop", "time_col": "day", "target_col": "sold"}
    forecaster = DaskSequenceForecaster(**QUICK, horizon=6).fit(frame, **names)
    found, local = forecaster.predict().compute(), forecaster.to_local().predict(history=pd.concat(rows))
    pd.testing.assert_frame_equal(found.reset_index(drop=True), local)
    assert found["day"].min() == pd.Timestamp("2024-03-31") and found.columns.tolist() == ["shop", "day", "sold"]
    assert forecaster.predict_quantiles([0.1, 0.9]).compute().columns.tolist() == ["shop", "day", 0.1, 0.9]
    assert forecaster.predict_interval(history=frame).compute().shape == (36, 4)
    with pytest.raises(ValueError, match="shop s0 is in several partitions: use frame.shuffle"):
        DaskSequenceForecaster(**QUICK).fit(frames.concat([frame, frame]), **names)


@pytest.mark.parametrize("how", ["from_pandas", "shuffle", "read_parquet", "category", "int32"])
def test_forecasts_are_a_frame_with_ids_of_the_kind_that_came(client, how, tmp_path):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    import pandas as pd

    days = pd.date_range("2024-01-01", periods=60)
    rows = [pd.DataFrame({"unique_id": f"s{k}", "ds": days, "y": x[:60]}) for k, x in enumerate(waves(4))]
    long = pd.concat(rows, ignore_index=True)
    if how == "int32":
        long["unique_id"] = long["unique_id"].str[1:].astype("int32")
    frame = frames.from_pandas(long, npartitions=1)
    if how == "shuffle":
        frame = frames.from_pandas(long, npartitions=3).shuffle("unique_id", npartitions=1)
    elif how == "category":
        frame = frame.astype({"unique_id": "category"})
    elif how == "read_parquet":
        long.to_parquet(tmp_path / "rows.parquet")
        frame = frames.read_parquet(tmp_path / "rows.parquet")
    forecaster = DaskSequenceForecaster(**QUICK, horizon=6, season=7).fit(frame)
    found = forecaster.predict()
    assert str(found.dtypes["unique_id"]) == str(frame.dtypes["unique_id"])
    computed, expected = found.compute(), forecaster.to_local().predict()
    assert str(computed["unique_id"].dtype) == str(frame.compute()["unique_id"].dtype)
    in_order = computed.astype({"unique_id": str}).sort_values(["unique_id", "ds"], ignore_index=True)
    expected = expected.astype({"unique_id": str}).sort_values(["unique_id", "ds"], ignore_index=True)
    pd.testing.assert_frame_equal(in_order, expected)
    assert forecaster.predict_interval(history=frame).compute()["unique_id"].nunique() == 4
    assert frames.concat([found, found]).compute().shape == (48, 3)


def test_partitions_must_be_of_one_frequency_and_have_the_same_columns(client):
    pd = pytest.importorskip("pandas")

    def dated(freq, tz=None):
        index = pd.date_range("2000-01-01", periods=90, freq=freq, tz=tz)
        return [pd.Series(x[:90], index) for x in waves(4)]

    def fit(first, second, **beside):
        parts = {name: [*map(dask.delayed, x)] for name, x in beside.items()}
        return DaskSequenceForecaster(**QUICK).fit([dask.delayed(first), dask.delayed(second)], **parts)

    with pytest.raises(ValueError, match="partition 1 has frequency=D, but partition 0 has MS"):
        fit(dated("MS"), dated("D"))
    with pytest.raises(ValueError, match="partition 1 has frequency=2, but partition 0 has 1"):
        fit(*([x.set_axis(np.arange(90) * step) for x in dated("D")] for step in (1, 2)))
    with pytest.raises(ValueError, match=r"partition 1 has times=.*\[.s, UTC\], but partition 0 has .*\[.s\]:"):
        fit(dated("D"), dated("D", "UTC"))
    frames = [[pd.DataFrame({a: x, b: x}) for x in dated("D")] for a, b in ("uv", "vu")]
    with pytest.raises(ValueError, match="partition 1 has columns=.*'v', 'u'.*, but partition 0 has .*'u', 'v'"):
        fit(*frames)
    with pytest.raises(ValueError, match="partition 1 has columns=.*'v', 'u'.*, but partition 0 has .*'u', 'v'"):
        fit(dated("D"), dated("D"), past=frames)


def test_a_long_frame_without_the_column_of_ids(client):
    frames = pytest.importorskip("dask.dataframe")
    rows = [(name, t, value) for name, series in zip("abcd", waves(4), strict=True) for t, value in enumerate(series)]
    long = pytest.importorskip("pandas").DataFrame(rows, columns=["shop", "ds", "y"])
    with pytest.raises(ValueError, match="partition 0: .*id_col"):
        DaskSequenceForecaster(**QUICK).fit(frames.from_pandas(long, npartitions=1))


def test_scores_and_backtests_are_of_partitions(client):
    y = waves(12)
    past, came = [x[:-6] for x in y], [x[-6:] for x in y]
    forecaster = DaskSequenceForecaster(**QUICK, horizon=6, season=12).fit(delayed(past, 3))
    whole = SequenceForecaster(**QUICK, horizon=6, season=12).fit(past)
    whole.network_ = forecaster.network_
    whole.linear_coef_ = forecaster.linear_coef_
    assert forecaster.score(delayed(came, 3)) == pytest.approx(whole.score(came), rel=1e-12)
    reports = dask.compute(*forecaster.backtest(delayed(y, 3), metrics="mae"))
    assert [len(report.cutoffs) for report in reports] == [4, 4, 4]
    np.testing.assert_array_equal(np.concatenate([r.actual for r in reports]), np.array(came))
    mine = np.mean([report.scores["SequenceForecaster"]["mae"] for report in reports])
    assert mine == pytest.approx(whole.backtest(y, metrics="mae").scores["SequenceForecaster"]["mae"], rel=1e-9)


def test_covariates_come_in_partitions(client):
    y = with_events(waves(8))
    future, static = covariates(y), [np.ones((4, 1)), np.zeros((4, 1))]
    known = {"future": delayed(future, 2), "static": [*map(dask.delayed, static)], "past": delayed(future, 2)}
    forecaster = DaskSequenceForecaster(**QUICK, horizon=6).fit(delayed(y, 2), **known)
    ahead = [events[-6:] for events in covariates(y, 6)]
    found = np.concatenate(dask.compute(*forecaster.predict(future=delayed(ahead, 2))))
    beside = {"future": covariates(y, 6), "past": future, "static": np.concatenate(static)}
    np.testing.assert_array_equal(found, forecaster.predict(history=y, **beside))


def test_early_stopping_holds_out_a_part_of_each_partition(client):
    known = {**QUICK, "early_stopping": True, "validation_fraction": 0.3, "max_iter": 3, "partitions_at_once": 1}
    forecaster = DaskSequenceForecaster(**known).fit(delayed(waves(), 2))
    assert len(forecaster.validation_scores_) == 3
    known.update(horizon=6, season=12, linear_lags=12, context=None)
    with pytest.raises(ValueError, match="partition 1: early_stopping holds out all 1 parts: lower context, or give"):
        DaskSequenceForecaster(**known).fit(delayed(waves(5), 2)[:1] + delayed(waves(1), 1))


def test_a_model_is_saved_and_cloned_as_others_are(client, tmp_path):
    y = waves(8)
    forecaster = DaskSequenceForecaster(**QUICK, client=client).fit(delayed(y, 2))
    fastrnn.save(forecaster, tmp_path / "model.safetensors")
    loaded = fastrnn.load(tmp_path / "model.safetensors")
    assert type(loaded) is SequenceForecaster and len(loaded._seen) == 4
    np.testing.assert_array_equal(loaded.predict(history=y), forecaster.predict(history=y))
    assert clone(forecaster).client is client
    sent = pickle.loads(pickle.dumps(forecaster))
    np.testing.assert_array_equal(sent.predict(history=y), forecaster.predict(history=y))
    with pytest.raises(ValueError, match="give it history="):
        sent.predict()


def wrong(case):
    y = waves(8)
    first, second = delayed(y, 2)
    return {
        "local": (y, {}, "y lies in this process"),
        "mixed": ([first, y[4:]], {}, "y mixes partitions of several kinds"),
        "nan": ([first, dask.delayed(list)([x * np.nan for x in y[4:]])], {}, "partition 1: y.0. is NaN at step 0"),
        "empty": ([first, dask.delayed(list)([])], {}, "partition 1: y is empty"),
        "short": ([first, dask.delayed(list)([x[:9] for x in y[4:]])], {}, "partition 1: y.0. has 9 steps"),
        "channels": ([first, dask.delayed(list)([np.ones((99, 2))] * 4)], {}, "partition 1 has n_features_in=2"),
        "fewer": ([first, second], {"past": [first]}, "past has 1 partitions, but y has 2"),
        "kinds": ([first, second], {"past": bag.from_sequence(y)}, "past comes as bag, but y as delayed"),
        "raises": ([first, dask.delayed(int)("no number")], {}, "partition 1: invalid literal"),
        "missing": ([first, dask.delayed({}.__getitem__)("x")], {}, "partition 1 cannot be computed: KeyError"),
    }[case]  # fmt: skip


@pytest.mark.parametrize("case", "local mixed nan empty short channels fewer kinds raises missing".split())
def test_what_is_wrong_is_told_with_its_partition(client, case):
    y, given, message = wrong(case)
    forecaster = DaskSequenceForecaster(**QUICK)
    with pytest.raises((ValueError, RuntimeError), match=message):
        forecaster.fit(y, **given)
    assert not hasattr(forecaster, "network_")


def test_what_needs_one_process_says_so(client):
    forecaster = DaskSequenceForecaster(**QUICK).fit(delayed(waves(8), 2))
    with pytest.raises(AttributeError, match="has no update: fit again, or give longer series as history="):
        forecaster.update(waves(8))
    with pytest.raises(AttributeError, match=r"has no sample_paths: use to_local\(\).sample_paths\(history=...\)"):
        forecaster.sample_paths()
    with pytest.raises(ValueError, match="y has 1 partitions, but the series has 2"):
        forecaster.score(delayed(waves(8), 1))
