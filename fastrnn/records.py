"""Estimators as trees that files can hold, and back: rebuilt by their own constructors, each field checked."""

from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fastrnn.storage import StorageError, array, check, floats, integer, packed, reading, strings, write
from fastrnn.training import History

HISTORY = {"loss_curve_": floats, "validation_scores_": lambda value: value is None or floats(value)}
SIZES = dict.fromkeys(("inputs", "outputs", "steps", "characters"), integer(0))
GENERATOR = {
    "bit_generator": "MT19937", "state": {"key": array("uint32", 624), "pos": integer(0, 625)},
    "has_gauss": integer(0, 2), "gauss": float,
}  # fmt: skip
"""The state of NumPy's Mersenne Twister, which checks nothing itself."""
IRRELEVANT = {"n_jobs", "verbose", "callbacks", "random_state", "warm_start"}
"""Parameters that a run may go on with others of; draws are the checkpoint's."""


def record(estimator):
    """The tree of a fitted estimator; callbacks, and a generator of random numbers, are left out."""
    check_is_fitted(estimator, "network_")
    estimator._check_parameters()
    parameters = {**estimator.get_params(deep=False), "callbacks": None}
    if isinstance(estimator.random_state, RandomState):
        parameters["random_state"] = None
    if parameters.get("embeddings") is not None:
        parameters["embeddings"] = np.asarray(estimator.embeddings)
    fitted = {name: getattr(estimator, name) for name in _rules(estimator)}
    weights = estimator.network_.copies()
    return {"class": type(estimator).__name__, "parameters": parameters, "fitted": fitted, "weights": weights}


def _rules(estimator):
    """What each fitted attribute must be, given the shape and the sizes of the network, to come of one fit."""
    sizes, shape = estimator._sizes, estimator._shape
    has_tokens, is_panel = shape.get("embedding_dim") is not None, estimator._is_panel
    n_features = 1 if has_tokens else sizes["inputs"]
    if is_panel:
        n_features = sizes["steps"] or integer(1)
    elif sizes["characters"]:
        n_features = integer(2)
    names = {"feature_names_in_": lambda value: strings(value) and len(value) == estimator.n_features_in_}
    return {
        **HISTORY,
        **(names if hasattr(estimator, "feature_names_in_") else {}),
        "_dropout_seed": integer(0),
        "_is_panel": lambda value: type(value) is bool and (not value or has_tokens or sizes["inputs"] == 1),
        "_shape": dict.fromkeys(type(estimator)._shape_parameters, object),
        "_sizes": SIZES,
        "n_features_in_": n_features,
        **estimator._rules(sizes["outputs"]),
    }


def scale(n_values):
    """Rules for a standardised target of so many numbers."""
    numbers = array("float64", n_values)
    return {
        "_y_mean": numbers,
        "_y_scale": lambda value: numbers(value) and (value > 0).all(),
        "_y_is_flat": lambda value: type(value) is bool and not (value and n_values > 1),
    }


def restored(cls, tree):
    """The estimator of a tree; an error if there is none that fitting could have made."""
    parameters = dict.fromkeys(cls._get_param_names(), object)
    check(tree, {"class": cls.__name__, "parameters": parameters, "fitted": dict, "weights": dict}, "model")
    fitted, weights = tree["fitted"], tree["weights"]
    # The network is that of the fit, since when parameters may have been set.
    estimator = cls(**{**tree["parameters"], **fitted["_shape"]})
    estimator._validate_params()
    check(fitted["_sizes"], SIZES, "sizes")
    if estimator.num_layers > len(weights):
        raise StorageError(f"its num_layers is {estimator.num_layers}, but there are {len(weights)} weights")
    vars(estimator).update(fitted)
    check(fitted, _rules(estimator), "fitted")
    check(fitted["_sizes"]["steps"] > 0, estimator._readout() == "concat", "steps")
    network = estimator._new_network(None)
    rules = {name: array(estimator.dtype, *shape) for name, shape in network.shapes.items()}
    check(weights, rules, "weights")  # they are right before memory is taken for them
    network.load(weights)
    estimator.network_, estimator.n_iter_ = network, len(estimator.loss_curve_)
    estimator.set_params(**tree["parameters"])._check_parameters()
    return estimator


def read_model(path, restore):
    """The model in a file, as `restore` makes it of its tree, and the run of a checkpoint or None."""
    with reading(path) as tree:
        check(tree, {"model": dict, "run": object}, "content")
        model, run = restore(tree["model"]), tree["run"]
        if run is not None:
            _check_run(run, model.network_.theta)
    return model, run


def _check_run(run, theta):
    of_theta = array(theta.dtype, *theta.shape)
    rules = {
        "data": str, "start": GENERATOR, "rng": GENERATOR, "plateau_factor": float, "first": of_theta,
        "second": of_theta, "n_steps": integer(0, 2**63), "best": float,
        "best_theta": lambda value: value is None or of_theta(value), "n_stale": integer(0),
    }  # fmt: skip
    check(run, rules, "run")


def write_model(path, model, run=None):
    """A file of the tree of a model, and of the run that made it."""
    write(path, {"model": model, "run": run})


class Run:
    """One fit of an estimator, as checkpoints hold it beside the model: where its draws began, and on what data.

    `rng` is the generator for it: that of the estimator, or of a checkpoint as its run found it.
    """

    def __init__(self, estimator, problem, goes_on, path):
        self._estimator, self._problem, self._checkpoint = estimator, problem, None
        self.rng = check_random_state(estimator.random_state)
        if path is not None:
            self._checkpoint, self.rng = self._read(path, goes_on), RandomState()
            self.rng.set_state(self._checkpoint[1]["start"])
        self._start = self.rng.get_state(legacy=False)
        is_known = self._start["bit_generator"] == GENERATOR["bit_generator"]
        self._can_resume = is_known and not goes_on and estimator.solver != "lbfgs"

    def _read(self, path, goes_on):
        """The model and the run of a checkpoint, if its parameters are those of this one."""
        estimator = self._estimator
        if goes_on or estimator.solver == "lbfgs":
            which = "warm_start=True, which goes on with the model" if goes_on else "solver='lbfgs', which is SciPy's"
            raise ValueError(f"resume_from goes on with a checkpoint's run, but not with {which}: leave one out")
        model, run = read_model(path, type(estimator)._restored)
        if run is None:
            raise StorageError(
                f"{path} holds a model, but no run to resume, as it is no checkpoint of a fit from the start: load it, "
                "and go on with warm_start=True or partial_fit"
            )
        for name in set(estimator._get_param_names()) - IRRELEVANT:
            value, was = getattr(estimator, name), getattr(model, name)
            if not (np.array_equal(value, was) if name == "embeddings" else value == was):
                raise ValueError(
                    f"{name}={value!r:.60}, but the checkpoint's run has {was!r:.60}: set it back to go on with that "
                    "run, or fit without resume_from"
                )
        return model, run

    @cached_property
    def _data(self):
        """A digest of the problem, and of what the fit has taken from X and y beside it."""
        digest, problem = blake2b(), self._problem
        inputs = problem.inputs or problem.sequences
        arrays = problem.sequences.values, problem.sequences.offsets, inputs.values, inputs.offsets
        for part in (*arrays, problem.targets, problem.weights):
            digest.update(f"{part.dtype} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part))
        names = _rules(self._estimator).keys() - HISTORY.keys()
        digest.update(packed({name: getattr(self._estimator, name) for name in sorted(names)}))
        return digest.hexdigest()

    def go_on(self, trainer):
        """Bring a trainer to where the checkpoint was, if there is one."""
        if self._checkpoint is None:
            return
        model, run = self._checkpoint
        if run["data"] != self._data:
            raise ValueError(
                "X or y are other data than those of the checkpoint's run, or in another order: give the same, or fit "
                "without resume_from"
            )
        trainer.recall(run, model.network_.theta, History(model.loss_curve_, model.validation_scores_ or []))

    def save(self, path):
        """Write the model, and what this fit needs to go on."""
        self._estimator._set_history()
        run = None
        if self._can_resume:
            run = {"data": self._data, "start": self._start, **self._estimator._trainer.memory()}
        write_model(path, record(self._estimator), run)
