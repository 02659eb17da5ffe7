"""Estimators on a Dask cluster: the bits of one machine, whoever computes, and errors that name a partition."""

import asyncio
import json
import os
import pickle
import signal
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from samples import run_script
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold

import fastrnn
from fastrnn import SequenceClassifier, SequenceRegressor, SequenceTagger
from fastrnn.datasets import load_japanese_vowels
from fastrnn.preprocessing import Tokenizer

distributed = pytest.importorskip("distributed", reason="Dask is not installed")
dask = pytest.importorskip("dask", reason="Dask is not installed")
bag = pytest.importorskip("dask.bag", reason="Dask is not installed")

from fastrnn.dask import DaskSequenceClassifier, DaskSequenceRegressor, DaskSequenceTagger  # noqa: E402
from fastrnn.dask.collections import check_ids  # noqa: E402

QUICK = {"hidden_size": 8, "max_iter": 3, "random_state": 0}


@pytest.fixture(scope="module")
def client():
    """Two workers, processes of one thread each."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def here(n_threads=2):
    """A cluster in this process."""
    options = {"n_workers": 1, "threads_per_worker": n_threads, "dashboard_address": ":0", "processes": False}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def delayed(items, n):
    """So many partitions, which Dask makes when it needs them, and makes again."""
    return [dask.delayed(list)([items[i] for i in part]) for part in np.array_split(np.arange(len(items)), n)]


def vowels(n=90):
    X, y = load_japanese_vowels(split="train")
    some = np.random.RandomState(0).permutation(len(X))[:n]
    return [X[k] for k in some], y[some]


def steps(n=60):
    """Sequences, a label and a number for each step, and a number for each sequence."""
    rng = np.random.RandomState(1)
    X = [rng.standard_normal((rng.randint(3, 12), 2)) for _ in range(n)]
    labels = [np.where(x[:, 0] > 0, "up", "down") for x in X]
    return X, labels, [x.sum(axis=1) for x in X], np.array([x.mean() for x in X])


def several(n=60):
    """Sequences, of each two labels of 0 and 1, of which one is rare; and labels in two columns."""
    X, *_, y = steps(n)
    flags = np.stack([y > 0, np.arange(n) == n - 1], axis=1).astype(int)
    return X, [*flags], [*np.column_stack([np.where(y > 0, "up", "down"), np.array([*"abc"])[np.arange(n) % 3]])]


def holed():
    """Steps of which numbers and labels are missing."""
    X, labels, *_ = steps()
    holes = [np.where(np.arange(x.size).reshape(x.shape) % 5 == 2, np.nan, x) for x in X]
    return holes, [np.where(np.arange(len(y)) % 3 == 1, None, y) for y in labels]


def named():
    """Steps with a text each, of which some are in one part alone."""
    pd = pytest.importorskip("pandas")
    X, labels, *_ = steps()
    words = [[f"{k // 10} {t % 3}" for t in range(len(x))] for k, x in enumerate(X)]
    return [pd.DataFrame(x).rename(columns=str).assign(c=its) for x, its in zip(X, words, strict=True)], labels


CASES = {
    "classifier": (DaskSequenceClassifier, SequenceClassifier, {}, lambda: vowels()),
    "balanced": (DaskSequenceClassifier, SequenceClassifier, {"class_weight": "balanced", "dropout": 0.2}, vowels),
    "flags": (DaskSequenceClassifier, SequenceClassifier, {}, lambda: several()[:2]),
    "columns": (DaskSequenceClassifier, SequenceClassifier, {"class_weight": "balanced"}, lambda: several()[::2]),
    "tagger": (DaskSequenceTagger, SequenceTagger, {"crf": True}, lambda: steps()[:2]),
    "tagger of tokens": (
        DaskSequenceTagger, SequenceTagger, {"embedding_dim": 4},
        lambda: ([np.arange(len(x)) % 7 for x in steps()[0]], steps()[1])),
    "regressor": (DaskSequenceRegressor, SequenceRegressor, {}, lambda: (steps()[0], steps()[3])),
    "every step": (DaskSequenceRegressor, SequenceRegressor, {"return_sequences": True},
                   lambda: (steps()[0], steps()[2])),
    "holes": (DaskSequenceTagger, SequenceTagger, {"missing": "mask"}, holed),
    "categories": (DaskSequenceTagger, SequenceTagger, {"categorical_features": ["c"]}, named),
    "lbfgs": (DaskSequenceRegressor, SequenceRegressor, {"solver": "lbfgs"}, lambda: (steps()[0], steps()[3])),
}  # fmt: skip


def slowly(items):
    time.sleep(0.5)
    return list(items)


def test_without_a_client_there_is_one_clear_error():
    X, y = vowels(10)
    clf = DaskSequenceClassifier(**QUICK)
    with here() as client:
        clf.set_params(timeout=1e-3, client=client)
        with pytest.raises(TimeoutError, match=r"took longer than timeout=0.001 s"):
            clf.fit([dask.delayed(slowly)(X)], [dask.delayed(slowly)(y)])
    clf.set_params(client=None)
    with pytest.raises(ValueError, match="needs the client of a Dask cluster: make one"):
        clf.fit(delayed(X, 1), delayed(y, 1))


@pytest.mark.parametrize("case", CASES)
def test_one_partition_gives_the_bits_of_a_plain_fit(client, case):
    on_dask, plain, more, data = CASES[case]
    X, y = data()
    theirs = on_dask(**QUICK, **more, client=client).fit(delayed(X, 1), delayed(y, 1))
    mine = plain(**QUICK, **more).fit(X, y)
    np.testing.assert_array_equal(theirs.network_.theta, mine.network_.theta)
    assert theirs.loss_curve_ == mine.loss_curve_
    assert type(theirs.to_local()) is plain


@pytest.mark.parametrize("rounds", ["synchronous", "local"])
@pytest.mark.parametrize("case", ["classifier", "tagger", "every step", "holes"])
def test_bits_depend_on_the_partitions_and_not_on_the_workers(client, case, rounds):
    on_dask, _, more, data = CASES[case]
    X, y = data()
    own = {**QUICK, **more, "rounds": rounds, "local_steps": 2}
    several = on_dask(**own).fit(delayed(X, 4), delayed(y, 4))
    with here() as other:
        one = on_dask(**own, client=other).fit(delayed(X, 4), delayed(y, 4))
    np.testing.assert_array_equal(several.network_.theta, one.network_.theta)
    assert several.score(X, y) == one.score(X, y)


def test_answers_come_in_the_kind_of_the_data(client):
    X, y = vowels()
    clf = DaskSequenceClassifier(**QUICK).fit(bag.from_sequence(X, npartitions=3), bag.from_sequence(y, npartitions=3))
    mine, proba = clf.to_local(), clf.to_local().predict_proba(X)
    lists, futures = delayed(X, 3), client.scatter([X[:40], X[40:]])
    np.testing.assert_array_equal(np.concatenate(dask.compute(*clf.predict(lists))), mine.predict(X))
    np.testing.assert_array_equal(np.concatenate(client.gather(clf.predict_proba(futures))), proba)
    assert clf.predict(bag.from_sequence(X, npartitions=4)).compute() == mine.predict(X).tolist()
    np.testing.assert_array_equal(clf.predict_proba(X), proba)
    assert clf.score(lists, delayed(y, 3)) == clf.score(X, y) == mine.score(X, y)


def test_several_labels_of_partitions(client):
    X, flags, columns = several()
    for y, early_stopping in ((flags, False), (columns, True)):
        clf = DaskSequenceClassifier(**QUICK, early_stopping=early_stopping).fit(delayed(X, 3), delayed(y, 3))
        mine, lists = clf.to_local(), delayed(X, 4)
        np.testing.assert_array_equal(np.concatenate(dask.compute(*clf.predict(lists))), mine.predict(X))
        assert clf.score(lists, delayed(y, 4)) == pytest.approx(mine.score(X, y))
        proba = mine.predict_proba(X)
        items = clf.predict_proba(bag.from_sequence(X, npartitions=4)).compute()
        for k in (0, -1):
            found, expected = (
                (items[k], proba[k]) if y is flags else map(np.concatenate, (items[k], [p[k] for p in proba]))
            )
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="y has more columns in some parts of the data than in others"):
        parts = [dask.delayed(columns[:30]), dask.delayed([row[:1] for row in columns[30:]])]
        DaskSequenceClassifier(**QUICK).fit(delayed(X, 2), parts)


def test_a_long_frame_is_read_by_id(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    import pandas as pd

    X, y = vowels(24)
    rows = [pd.DataFrame(x, columns=[*"abcdefghijkl"]).assign(who=k, when=range(len(x)), label=y[k])
            for k, x in enumerate(X)]  # fmt: skip
    parts = [dask.delayed(pd.concat)(rows[:10]), dask.delayed(pd.concat)(rows[10:])]
    frame = frames.from_delayed(parts, meta=rows[0].iloc[:0])
    columns = {"id_col": "who", "time_col": "when", "target_col": "label"}
    clf = DaskSequenceClassifier(**QUICK).fit(frame, **columns)
    X = [row[[*"abcdefghijkl"]] for row in rows]
    lists = [dask.delayed(list)(part) for part in (X[:10], X[10:])]
    labels = [dask.delayed(list)(part) for part in (y[:10], y[10:])]
    same = DaskSequenceClassifier(**QUICK).fit(lists, labels)
    np.testing.assert_array_equal(clf.network_.theta, same.network_.theta)
    predicted = clf.predict(frame).compute()
    assert predicted.index.name == "who" and predicted.columns.tolist() == ["label"]
    np.testing.assert_array_equal(predicted["label"], clf.to_local().predict(X))
    assert clf.predict_proba(frame.drop(columns="label")).compute().shape == (24, len(clf.classes_))
    assert clf.score(frame) == clf.to_local().score(X, y)


def test_a_long_frame_may_have_a_target_in_each_row(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    import pandas as pd

    X, labels, *_ = steps(12)
    rows = [pd.DataFrame(x, columns=["a", "b"]).assign(unique_id=f"s{k}", ds=range(len(x)), y=labels[k])
            for k, x in enumerate(X)]  # fmt: skip
    late_first = [row.iloc[::-1] for row in rows]
    parts = [dask.delayed(pd.concat)(late_first[:6]), dask.delayed(pd.concat)(late_first[6:])]
    frame = frames.from_delayed(parts, meta=rows[0].iloc[:0])
    tagger = DaskSequenceTagger(**QUICK).fit(frame)
    X = [row[["a", "b"]] for row in rows]
    predicted = tagger.predict(frame).compute()
    np.testing.assert_array_equal(predicted["y"], np.concatenate(tagger.to_local().predict(X)))
    np.testing.assert_array_equal(predicted["ds"], np.concatenate([np.arange(len(x)) for x in X]))
    twice = frames.concat([frame, frame])
    with pytest.raises(ValueError, match="unique_id s0 is in several partitions: use frame.shuffle"):
        DaskSequenceTagger(**QUICK).fit(twice)


def long(X, y, names, ids=None):
    """A frame of the sequences' steps, with their targets."""
    import pandas as pd

    ids = [f"s{k}" for k in range(len(X))] if ids is None else ids
    rows = [pd.DataFrame(x, columns=names).assign(unique_id=ids[k], ds=range(len(x)), y=y[k]) for k, x in enumerate(X)]
    return pd.concat(rows, ignore_index=True)


def test_columns_of_long_frames_go_by_their_names(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    X, _, _, means = steps(20)
    for names in (["a", "b"], [0, 1]):
        frame = frames.from_pandas(long(X, means, names), npartitions=1)
        reg = DaskSequenceRegressor(**QUICK).fit(frame)
        assert reg.n_features_in_ == 2
    frame = frames.from_pandas(long(X, means, ["a", "b"]), npartitions=1)
    reg = DaskSequenceRegressor(**QUICK).fit(frame)
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        reg.predict(frame[["b", "a", "unique_id", "ds", "y"]]).compute()


def test_long_frames_that_are_shuffled_or_lack_targets(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    X, _, _, means = steps(20)
    table = long(X, means, ["a", "b"])
    shuffled = frames.from_pandas(table.sample(frac=1.0, random_state=0), npartitions=8).shuffle("unique_id")
    reg = DaskSequenceRegressor(**QUICK).fit(shuffled)  # some of whose partitions are empty
    assert len(reg.predict(shuffled).compute()) == 20
    table.loc[3, "y"] = np.nan
    with pytest.raises(ValueError, match=r"unique_id s0 lacks values in y|cannot be computed.*unique_id s0 lacks"):
        DaskSequenceRegressor(**QUICK).fit(frames.from_pandas(table, npartitions=1))


def test_frames_of_one_length_are_read_to_all_steps(client):
    frames = pytest.importorskip("dask.dataframe", reason="Dask's frames are not installed")
    X, _, _, means = steps(12)
    frame = frames.from_pandas(long([x[:3] for x in X], means, ["a", "b"]), npartitions=2, sort=False)
    reg = DaskSequenceRegressor(**QUICK, readout="concat").fit(frame.shuffle("unique_id", npartitions=1))
    assert reg.predict(frame.shuffle("unique_id", npartitions=1)).compute().shape == (12, 1)


def test_scores_have_the_checks_and_the_edges_of_the_plain_ones(client):
    X, labels, sums, means = steps()
    reg = DaskSequenceRegressor(**QUICK).fit(delayed(X, 2), delayed(means, 2))
    assert reg.score(delayed(X, 2), delayed(np.ones(len(X)), 2)) == reg.to_local().score(X, np.ones(len(X))) == 0.0
    for y, match in ((means * np.nan, "missing values"), (np.c_[means, means], "2 columns"), (means[:-2], "y has")):
        with pytest.raises(ValueError, match=f"partition [01]: .*{match}"):
            reg.score(delayed(X, 2), delayed(y, 2))
    tagger = DaskSequenceTagger(crf=False, **QUICK).fit(delayed(X, 2), delayed(labels, 2))
    weights = [np.arange(len(x)) + 1.0 for x in X]
    theirs = tagger.score(delayed(X, 2), delayed(labels, 2), delayed(weights, 2))
    assert theirs == pytest.approx(tagger.to_local().score(X, labels, weights))
    clf = DaskSequenceClassifier(**QUICK).fit(delayed(X, 2), delayed(means > 0, 2))
    for model, y in ((reg, means), (clf, means > 0), (tagger, labels)):
        with pytest.raises(ValueError, match="all weights are zero; at least one sequence needs a positive weight"):
            model.score(delayed(X, 2), delayed(y, 2), delayed(np.zeros(len(X)), 2))


def test_the_score_of_what_is_held_out_is_that_of_all_parts_together(client):
    X, _, _, means = steps(90)
    order = np.argsort(means)
    X, y = [X[k] for k in order], means[order]
    known = {**QUICK, "early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    reg = DaskSequenceRegressor(**known).fit(delayed(X, 6), delayed(y, 6))
    assert min(reg.validation_scores_) > -1


def test_local_rounds_have_the_loss_of_synchronous_ones(client):
    X, labels, *_ = steps()
    order = np.argsort([len(x) for x in X], kind="stable")
    X, labels = [X[k] for k in order], [labels[k] for k in order]
    losses = []
    for rounds in ("synchronous", "local"):
        known = {"rounds": rounds, "learning_rate_init": 1e-9, "batch_size": 100, "max_iter": 1, "random_state": 0}
        tagger = DaskSequenceTagger(hidden_size=8, **known).fit(delayed(X, 3), delayed(labels, 3))
        losses.append(tagger.loss_curve_[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_score_of_a_regressor_is_that_of_all_data(client):
    X, labels, sums, means = steps()
    weights = np.arange(len(X)) % 3 + 0.5
    one = DaskSequenceRegressor(**QUICK).fit(delayed(X, 3), delayed(means, 3), delayed(weights, 3))
    each = DaskSequenceRegressor(**QUICK, return_sequences=True).fit(delayed(X, 3), delayed(sums, 3))
    for reg, y in ((one, means), (each, sums)):
        for own in ((), (weights,)):
            lists = [delayed(part, 3) for part in (X, y, *own)]
            assert reg.score(*lists) == pytest.approx(reg.to_local().score(X, y, *own), abs=1e-12)


def test_early_stopping_holds_out_a_part_of_each_partition(client):
    X, y = vowels()
    known = {**QUICK, "early_stopping": True, "validation_fraction": 0.3, "max_iter": 4}
    clf = DaskSequenceClassifier(**known).fit(delayed(X, 2), delayed(y, 2))
    assert len(clf.validation_scores_) == 4 and all(0 <= score <= 1 for score in clf.validation_scores_)
    assert len(clf.validation_loss_curve_) == 4 and 0 < clf.validation_loss_curve_[-1] < 3
    by_loss = DaskSequenceClassifier(**known, scoring="loss").fit(delayed(X, 2), delayed(y, 2))
    np.testing.assert_allclose(by_loss.validation_scores_, -np.array(by_loss.validation_loss_curve_))
    assert by_loss.validation_loss_curve_ == clf.validation_loss_curve_
    for options in ({"scoring": "f1_macro"}, {"validation_fraction": KFold(2)}):
        with pytest.raises(ValueError, match="each partition holds out its own part"):
            clone(clf).set_params(**options).fit(delayed(X, 2), delayed(y, 2))


def test_partitions_too_small_for_a_share_of_each_class_hold_some_out(client):
    X, y = vowels()
    clf = DaskSequenceClassifier(**QUICK, early_stopping=True).fit(delayed(X, 3), delayed(y, 3))
    assert len(clf.validation_scores_) == 3


def test_a_model_is_saved_and_cloned_as_others_are(client, tmp_path):
    X, y = vowels(40)
    clf = DaskSequenceClassifier(**QUICK, client=client, timeout=60).fit(delayed(X, 2), delayed(y, 2))
    fastrnn.save(clf, tmp_path / "model.safetensors")
    loaded = fastrnn.load(tmp_path / "model.safetensors")
    assert type(loaded) is SequenceClassifier
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    again = clone(clf)
    assert again.client is client and again.get_params() == clf.get_params()
    assert pickle.loads(pickle.dumps(clf)).client is None


def test_a_killed_worker_changes_nothing(client):
    X, y = vowels()
    known = {**QUICK, "max_iter": 6}
    undisturbed = DaskSequenceClassifier(**known).fit(delayed(X, 4), delayed(y, 4))

    def kill(progress):
        if progress.epoch in (2, 4):
            client.wait_for_workers(2, timeout=60)
            pids = [*client.run(os.getpid).values()]
            os.kill(pids[progress.epoch // 2 - 1], signal.SIGKILL)

    disturbed = DaskSequenceClassifier(**known, callbacks=[kill]).fit(delayed(X, 4), delayed(y, 4))
    np.testing.assert_array_equal(disturbed.network_.theta, undisturbed.network_.theta)
    client.wait_for_workers(2, timeout=60)


def wrong(case):
    X, y = vowels(40)
    data = delayed(X, 2), delayed(y, 2)
    return {
        "local": ((X, y), {}, "X lies in this process"),
        "mixed": (([data[0][0], X[20:]], data[1]), {}, "X mixes partitions of several kinds"),
        "fewer": ((data[0], data[1][:1]), {}, "y has 1 partitions, but X has 2"),
        "widths": (([data[0][0], dask.delayed(list)([x[:, :5] for x in X[20:]])], data[1]), {},
                   "partition 1 has n_features_in=5, but partition 0 has 12"),
        "empty": (([data[0][0], dask.delayed(list)([])], [data[1][0], dask.delayed(list)([])]), {}, "partition 1: "),
        "raises": (([data[0][0], dask.delayed(int)("no number")], data[1]), {}, "partition 1: invalid literal"),
        "missing": (([data[0][0], dask.delayed({}.__getitem__)("x")], data[1]), {},
                    "partition 1 cannot be computed: KeyError"),
        "nan": (([data[0][0], dask.delayed(list)([x * np.nan for x in X[20:]])], data[1]), {}, "partition 1: X.0. con"),
        "longer": (([data[0][0], dask.delayed(list)(X[21:])], data[1]), {}, "partition 1: y has more entries"),
        "warm": (data, {"warm_start": True}, "warm_start=True goes on from a fit in one process"),
        "lbfgs": (data, {"rounds": "local", "solver": "lbfgs"}, "reads all data at once"),
        "rounds": (data, {"rounds": "sometimes"}, "'rounds' parameter"),
        "one": ((data[0][0], data[1][0]), {}, r"X is one Delayed: give a list of partitions, \[X\]"),
        "array": ((dask.delayed(np.zeros)(3), data[1]), {}, "X is one Delayed"),
        "texts": ((data[0], [data[1][0], dask.delayed(list)([*map(str, y[20:])])]), {}, "y holds texts in some parts"),
        "address": (data, {"client": "tcp://x"}, "client must be a distributed.Client; got 'tcp://x'"),
    }[case]  # fmt: skip


KINDS_OF_FAULTS = "local mixed fewer widths empty raises missing nan longer warm lbfgs rounds one array texts address"


def too_much():
    return np.empty((10**9, 10**9))


@pytest.mark.parametrize("function, given, kind, message", [
    (bytes.decode, b"\xff", ValueError, r"UnicodeDecodeError\('utf-8'.*invalid start byte"),
    (json.loads, "{", ValueError, "Expecting property name"),
    (too_much, None, MemoryError, "Unable to allocate"),
])  # fmt: skip
def test_errors_that_are_made_of_more_than_a_message_are_told(client, function, given, kind, message):
    X, y = vowels(40)
    partition = dask.delayed(function)(*[] if given is None else [given])
    with pytest.raises(kind, match=f"^partition 1: {message}"):
        DaskSequenceClassifier(**QUICK).fit([delayed(X, 2)[0], partition], delayed(y, 2))


def test_partitions_without_a_target_in_what_is_held_out(client):
    X, _, y, _ = steps()
    y[40:] = [np.full(len(numbers), np.nan) for numbers in y[40:]]
    reg = DaskSequenceRegressor(**QUICK, return_sequences=True, early_stopping=True)
    assert np.isfinite(reg.fit(delayed(X, 3), delayed(y, 3)).validation_scores_).all()


def test_ids_of_many_partitions(client):
    ids = [np.arange(3 * k, 3 * k + 3) for k in range(9)]
    found = check_ids(client, [*map(dask.delayed, ids)], "id")
    assert np.array_equal(found, ids)
    with pytest.raises(ValueError, match=r"id 4 is in several partitions: use frame.shuffle\('id'\) first"):
        check_ids(client, [*map(dask.delayed, [*ids, np.array([30, 4])])], "id")
    check_ids(client, [*map(dask.delayed, [*ids, np.array(["3"], object)])], "id")  # is no 3


@pytest.mark.parametrize("case", KINDS_OF_FAULTS.split())
def test_what_is_wrong_is_told_with_its_partition(client, case):
    data, more, message = wrong(case)
    clf = DaskSequenceClassifier(**{**QUICK, **more})
    with pytest.raises((ValueError, RuntimeError), match=message):
        clf.fit(*data)
    assert not hasattr(clf, "network_")


def test_a_label_of_one_partition_is_a_class_of_all(client):
    X, y = vowels(40)
    order = np.argsort(y, kind="stable")
    X, y = [X[k] for k in order], y[order]
    clf = DaskSequenceClassifier(**QUICK).fit(delayed(X, 4), delayed(y, 4))
    np.testing.assert_array_equal(clf.classes_, np.unique(y))


def listening():
    """The ports that this process listens at."""
    psutil = pytest.importorskip("psutil", reason="Dask has it")
    return {found.laddr.port for found in psutil.Process().net_connections() if found.status == "LISTEN"}


def test_no_port_is_opened_and_no_thread_is_left():
    X, y = vowels(40)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster:
        SequenceClassifier(**QUICK).fit(*vowels(40))  # from whose bar on tqdm has a thread
        before = {thread.name for thread in threading.enumerate()}
        with distributed.Client(cluster) as own:
            ports = listening()
            clf = DaskSequenceClassifier(**QUICK, client=own).fit(delayed(X, 2), delayed(y, 2))
            clf.score(delayed(X, 2), delayed(y, 2))
            assert listening() == ports
            assert not own.futures
        left = {thread.name for thread in threading.enumerate()} - before
        assert not {name for name in left if not name.startswith("Dask-Offload")}  # which Dask keeps for all clients
        assert listening() <= ports


def test_an_asynchronous_client_is_refused():
    async def fit():
        options = {"processes": False, "dashboard_address": ":0", "asynchronous": True}
        async with distributed.Client(**options) as client:
            DaskSequenceClassifier(**QUICK, client=client).fit(*(delayed(part, 2) for part in vowels(10)))

    with pytest.raises(ValueError, match="client must be a distributed.Client; got .*: .*, and not asynchronous=True"):
        asyncio.run(fit())


def test_an_unfitted_estimator_says_so(client):
    X, y = vowels(10)
    for call in (lambda clf: clf.predict(delayed(X, 1)), lambda clf: clf.score(delayed(X, 1), delayed(y, 1))):
        with pytest.raises(NotFittedError):
            call(DaskSequenceClassifier())


def test_what_needs_one_process_says_so(client):
    X, y = vowels(40)
    clf = DaskSequenceClassifier(**QUICK).fit(delayed(X, 2), delayed(y, 2))
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(ValueError, match="reads each sequence from its end as well"):
        clf.stream()


def test_what_is_wrong_with_an_answer_is_told_with_its_partition(client):
    X, y = vowels(40)
    clf = DaskSequenceClassifier(**QUICK).fit(delayed(X, 2), delayed(y, 2))
    _, answer = clf.predict(delayed([*X[:20], *(x[:, :5] for x in X[20:])], 2))
    with pytest.raises(ValueError, match=r"partition 1: X.0. has 5 features, but the fit was on 12"):
        answer.compute()
    assert answer.key.startswith("predict-")


def test_text_is_text_wherever_it_is_moved():
    """In a process that has seen the text alone, too, as a worker that is given it by another."""
    script = """
import distributed.protocol as protocol
from fastrnn.preprocessing import Tokenizer

for level in ("word", "char"):
    tokens = Tokenizer(level=level).fit_transform(["ab a", "b"])
    for moved in protocol.deserialize(*protocol.serialize(list(tokens))):
        print(type(moved).__name__, moved.spellings is None)
"""
    assert run_script(script) == "Tokens False\n" * 2 + "Characters True\n" * 2


def test_words_of_a_part_may_be_longer_than_those_of_another(client):
    texts = ["a b c", "b a a", "extraordinary b", "a superintendent"] * 4
    texts.sort(key=len)
    tokenizer = Tokenizer(level="word").fit(texts)
    parts = [tokenizer.transform(texts[:8]), tokenizer.transform(texts[8:])]
    assert parts[0][0].spellings.shape[1] != parts[1][0].spellings.shape[1]
    tagged = [[[len(word) > 3 for word in text.split()] for text in some] for some in (texts[:8], texts[8:])]
    tagger = DaskSequenceTagger(**QUICK).fit(*([dask.delayed(list)(part) for part in both] for both in (parts, tagged)))
    predicted = [answer.compute() for answer in tagger.predict([dask.delayed(list)(part) for part in parts])]
    assert [*map(len, predicted)] == [8, 8]
