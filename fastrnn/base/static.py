"""Facts of sequences, `static=`: what is checked of them, and how they are standardised."""

from copy import copy

import numpy as np

from fastrnn import tables
from fastrnn.lists import check_listed
from fastrnn.moments import moments
from fastrnn.storage import array, names
from fastrnn.wording import counted, shown

EXPECTED = "an array or frame (n, F), a row of numbers for each sequence"


def refuse_facts(estimator, what):
    """An error if a model, or the last step of a Pipeline, was fitted with facts."""
    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    if getattr(model, "n_static_features_in_", 0):
        raise ValueError(f"this model was fitted with static features, which {what}: fit it without static")


class Informed:
    """Of estimators: what is known of each sequence beside its steps, (n, F), if the fit had that."""

    _facts_at_hand = None
    """Those for whoever cannot give them."""

    def _with_facts(self, static):
        """This estimator for a caller that knows X alone, such as a scorer: it reads these facts beside it."""
        if static is None:
            return self
        other = copy(self)
        other._facts_at_hand = static
        return other

    def _forget_facts(self):
        """Those of an earlier fit."""
        for name in ("n_static_features_in_", "static_feature_names_in_", "_static_mean", "_static_scale"):
            vars(self).pop(name, None)

    def _facts(self, static, goes_on, name="static"):
        """Facts (n, F) in float64, or None; those of a fit say what later ones must be like."""
        static = self._facts_at_hand if static is None else static
        n_before = getattr(self, "n_static_features_in_", 0)
        if static is None and not n_before:
            return None
        if goes_on and (static is None or not n_before):
            had = f"the fit had {counted(n_before, 'static feature')} of each sequence" if n_before else ""
            if static is None:
                raise ValueError(f"{had}, but {name} is missing: give a row of them for each sequence of X")
            raise ValueError(f"{name} is given, but the fit had none: leave it out, or fit anew with static")
        facts, columns = _as_facts(static, name, n_before)
        if not goes_on:
            self.n_static_features_in_ = facts.shape[1]
            if columns is not None:
                self.static_feature_names_in_ = np.array(columns, object)
            return facts
        if facts.shape[1] != n_before:
            raise ValueError(f"{name} has {counted(facts.shape[1], 'column')}, but the fit had {n_before}: give these")
        known = getattr(self, "static_feature_names_in_", None)
        if columns is not None and known is not None and columns != known.tolist():
            has = f"{name} has the columns {shown(columns, 200)}, but the fit had {shown(known.tolist(), 200)}"
            raise ValueError(f"{has}: give the same, in the same order")
        return facts

    def _beside(self, sequences, facts, weights, goes_on, name="static"):
        """Sequences with the facts, standardised; the first ones, with weights (n,) or (S,), say how."""
        if facts is None:
            return sequences
        if not goes_on and len(facts) == len(sequences):
            self._set_units(sequences, facts, weights)
        dtype = self.network_.theta.dtype if goes_on else self.dtype
        return sequences.beside(self._in_units(facts, len(sequences), dtype, name))

    def _in_units(self, facts, n, dtype, name):
        """The facts of n sequences, standardised."""
        if len(facts) != n:
            found = f"{name} has {counted(len(facts), 'row')}, but there {'is' if n == 1 else 'are'}"
            raise ValueError(f"{found} {counted(n, 'sequence')}: give one for each, in the order of these")
        with np.errstate(over="ignore"):
            static = np.ascontiguousarray((facts - self._static_mean) / self._static_scale, dtype)
        if not np.isfinite(static).all():
            k, j = np.argwhere(~np.isfinite(static))[0]
            raise ValueError(f"{name}[{k}] has {facts[k, j]:.3g} in column {j}, too large for {static.dtype}: scale it")
        return static

    def _set_units(self, sequences, facts, weights):
        """With what facts are standardised, as `normalize_X` says."""
        if not self.normalize_X:
            self._static_mean, self._static_scale = np.zeros(facts.shape[1]), np.ones(facts.shape[1])
            return
        if len(weights) != len(facts):  # a sequence counts as its steps do
            weights = np.add.reduceat(weights, sequences.offsets[:-1]) / np.diff(sequences.offsets)
        counts = weights > 0
        self._static_mean, self._static_scale = moments([(facts[counts], weights[counts])], spares_ready=True)

    def _fact_rules(self):
        """What the attributes must be."""
        if (n := self._sizes.get("static")) is None:
            return {}
        numbers = array("float64", n)
        units = {"_static_mean": numbers, "_static_scale": lambda value: numbers(value) and (value > 0).all()}
        named = {"static_feature_names_in_": names(n)} if hasattr(self, "static_feature_names_in_") else {}
        return {"n_static_features_in_": n, **units, **named}


def _as_facts(static, name, n_before):
    """Facts as an array (n, F) of finite numbers in float64, and what its columns are called if these are names.

    There were `n_before` of a sequence, or none.
    """
    check_listed(static, name, EXPECTED)
    if hasattr(static, "todense"):
        raise ValueError(f"{name} is a sparse matrix; expected {EXPECTED}: pass {name}.toarray()")
    columns = tables.labels(static, name)
    if tables.library(static) is not None:
        found = np.asarray(tables.numbers(static, name))
    else:
        try:
            found = np.asarray(static)
        except ValueError:
            raise ValueError(f"{name} has rows of unequal lengths; expected {EXPECTED}") from None
    if found.ndim != 2:
        advice = f": give {name}[:, np.newaxis], or a frame, if it is one fact of each sequence"
        if found.size == n_before:
            advice = f": give [{name}], if these are the facts of one sequence"
        advice *= found.ndim == 1 and found.size > 0 and found.dtype.kind in "fiub"
        raise ValueError(f"{name} has shape {found.shape}; expected {EXPECTED}{advice}")
    if found.shape[1] == 0:
        raise ValueError(f"{name} has no columns; expected {EXPECTED}: leave it out if nothing is known")
    if found.dtype.kind in "OUS":  # of which NumPy has made texts, if one of them is
        found = tables.as_numbers(np.asarray(static, object), name)
    if found.dtype.kind not in "fiub":
        raise ValueError(f"{name} holds {found.dtype} values; expected {EXPECTED}")
    found = found.astype(np.float64)
    for k, j in np.argwhere(~np.isfinite(found))[:1]:
        which = j if columns is None else repr(columns[j])
        what = "NaN" if np.isnan(found[k, j]) else "infinity"
        raise ValueError(f"{name}[{k}] contains {what} in column {which}: fill it in, or leave the column out")
    return found, columns if columns and all(isinstance(label, str) for label in columns) else None
