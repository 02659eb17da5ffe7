"""Estimators as trees that files can hold, and back: rebuilt by their own constructors, each field checked."""

import json
from functools import cached_property
from hashlib import blake2b
from numbers import Real

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from fastrnn.holes import INDEX
from fastrnn.lists import as_list
from fastrnn.storage import StorageError, array, check, encoded, expect, floats, integer, names, reading, write
from fastrnn.training import History
from fastrnn.wording import shown

GENERATOR = {"bit_generator": "MT19937", "state": {"key": array("uint32", 624), "pos": integer(0, 625)}}
GENERATOR |= {"has_gauss": integer(0, 2), "gauss": float}
"""The state of NumPy's Mersenne Twister, which checks nothing itself."""
IRRELEVANT = {"n_jobs", "verbose", "callbacks", "random_state", "warm_start", "init_from"}
"""Parameters that a run may go on with others of; draws are the checkpoint's."""
NO_OBJECTS = {"random_state": None, "scoring": None, "validation_fraction": 0.1, "init_from": None}
"""Parameters that are these in a file if they are objects, which no file holds."""
NEWER = {
    **dict.fromkeys(("scoring", "init_from", "time_column", "categorical_features")),
    **dict.fromkeys(("freeze", "averaging", "proj_size"), 0),
    **dict.fromkeys(("label_smoothing", "scheduled_sampling", "zoneout", "recurrent_dropout"), 0.0),
    "missing": "error",
    "n_components": 5,
}
"""Parameters that files of versions before do not have, and what they were then."""
CURVES = {"loss_curve_", "validation_scores_", "validation_loss_curve_"}
"""What is noted of each epoch."""


def store(estimator, parameters):
    """Set the attributes of a constructor's locals(), each under its own name, as scikit-learn wants them."""
    vars(estimator).update({name: value for name, value in parameters.items() if name not in ("self", "__class__")})


def record(estimator):
    """The tree of a fitted estimator; callbacks, and a generator of random numbers, are left out."""
    check_is_fitted(estimator, "network_")
    estimator._check_parameters()
    parameters = _parameters(estimator)
    fitted = {name: getattr(estimator, name) for name in _rules(estimator)}
    known = {"parameters": parameters, "fitted": fitted, "weights": weights(estimator.network_)}
    return {"class": type(estimator).__name__, **known}


def _parameters(estimator):
    """Those that a file holds."""
    parameters = {**estimator.get_params(deep=False), "callbacks": None}
    for name in NO_OBJECTS.keys() & parameters.keys():
        if not isinstance(parameters[name], (Real, str)):
            parameters[name] = NO_OBJECTS[name]
    if parameters.get("embeddings") is not None:
        parameters["embeddings"] = np.asarray(estimator.embeddings)
    if "categorical_features" in parameters:
        parameters["categorical_features"] = as_list(parameters["categorical_features"])
    return parameters


def of_data(estimator):
    """Bytes of what a fit has taken from its data alone, whatever its seed."""
    names = _rules(estimator).keys() - CURVES - {"_dropout_seed"}
    return _bytes_of([getattr(estimator, name) for name in sorted(names)])


def _rules(estimator):
    """What each fitted attribute must be, given the shape and the sizes of the network, to come of one fit."""
    sizes, shape, is_panel = estimator._sizes, estimator._shape, estimator._is_panel
    has_tokens, has_characters = (shape.get(f"{of}embedding_dim") is not None for of in ("", "character_"))
    is_concat = shape.get("readout") == "concat" and not shape.get("return_sequences")
    size, column = sizes.get("patch", 1), shape.get("time_column")
    marks = {"mask": 1, "decay": 2}.get(shape.get("missing"), 0)
    is_beside, n_marked = column == INDEX, marks * ((column is not None) + estimator._coded.size)
    # Of a step's number: whether it is there, how long ago it was, and in patches what it
    # changes by; those of the steps beside it, too.
    read = 1 + (size > 1) + marks
    n_features = (sizes["inputs"] // size + n_marked) // read - is_beside
    rules = {
        "loss_curve_": floats, "validation_scores_": lambda value: value is None or floats(value),
        "_dropout_seed": integer(0), "_is_panel": bool, "_shape": dict.fromkeys(estimator._shape_parameters, object),
        "n_features_in_": 1 if has_tokens else n_features}  # fmt: skip
    sized = {"inputs": integer(1), "outputs": integer(1), "steps": integer(1) if is_concat else 0, "characters": 0}
    if read > 1 or is_beside:
        sized["inputs"] = size * ((max(1, n_features) + is_beside) * read - n_marked)
    if size > 1 and hasattr(estimator, "patch_length") and not (has_tokens or is_concat):
        sized["patch"] = integer(2)
    if "static" in sizes:
        sized["static"] = integer(1)
    if has_characters:
        sized["characters"], rules["n_features_in_"] = integer(1), integer(2)
    elif is_panel:
        rules["n_features_in_"] = sizes["steps"] or integer(1)
        sized["inputs"] = sized["inputs"] if has_tokens else size * read
    if hasattr(estimator, "normalize_X") and not has_tokens:
        rules |= _moments("X", sizes["inputs"] // size, estimator._coded)
    if "validation_loss_curve_" in vars(estimator):
        rules["validation_loss_curve_"] = rules["validation_scores_"]
    if hasattr(estimator, "feature_names_in_"):
        rules["feature_names_in_"] = names(estimator.n_features_in_)
    rules |= estimator._category_rules() | estimator._fact_rules()
    return {**rules, "_sizes": sized, **estimator._rules(sizes["outputs"])}


def scale(n_values):
    """Rules for a standardised target of so many numbers."""
    is_flat = {"_y_is_flat": lambda value: type(value) is bool and not (value and n_values > 1)}
    return {**_moments("y", n_values), **is_flat}


def _moments(of, n, coded=()):
    """Of n numbers; codes, which are places in tables, stay as they are."""
    numbers, which = array("float64", n), np.asarray(coded, int)

    def are_scales(value):
        return numbers(value) and (value > 0).all() and (value[which] == 1).all()

    mean = (lambda value: numbers(value) and not value[which].any()) if which.size else numbers
    return {f"_{of}_mean": mean, f"_{of}_scale": are_scales}


def rebuilt(cls, tree, rules, parameters=(), **parts):
    """What a tree of parameters, fitted attributes and other `parts` says, with these `parameters` in place of its own.

    `rules` makes of it what the attributes must be.
    """
    known = dict.fromkeys(cls._get_param_names(), object)
    check(tree, {"class": cls.__name__, "parameters": known, "fitted": dict, **parts}, "model")
    estimator = cls(**{**tree["parameters"], **dict(parameters)})
    estimator._validate_params()
    vars(estimator).update(tree["fitted"])
    check(tree["fitted"], rules(estimator), "fitted")
    return estimator


def restored(cls, tree):
    """The estimator of a tree; an error if there is none that fitting could have made."""
    check(tree.get("class"), cls.__name__, "model.class")  # others have other parts
    newer = {name: value for name, value in NEWER.items() if name in cls._get_param_names()}
    tree["parameters"] = {**newer, **tree["parameters"]}
    shape = tree["fitted"]["_shape"]
    shape |= {name: value for name, value in newer.items() if name in cls._shape_parameters and name not in shape}
    # The network is that of the fit, since when parameters may have been set.
    estimator = rebuilt(cls, tree, _rules, tree["fitted"]["_shape"], weights=dict)
    estimator._check_cell()
    # Nothing is large before the weights are known to be there and right.
    parts = [part for part in tree["weights"].values() if isinstance(part, dict)]
    n_weights = sum(isinstance(weight, np.ndarray) for part in parts for weight in part.values())
    expect(2 * estimator.num_layers <= n_weights, f"its num_layers={estimator.num_layers} have {n_weights} weights")
    estimator.network_ = with_weights(estimator._new_network(None), tree["weights"], estimator.dtype)
    estimator.n_iter_ = len(estimator.loss_curve_)
    estimator.set_params(**tree["parameters"])._check_parameters()
    return estimator


def with_weights(network, weights, dtype):
    """A network that has only shapes so far, given weights if they are of these."""
    shapes = {name: part.parameters.shapes for name, part in network.parts.items()}
    rules = {name: {key: array(dtype, *shape) for key, shape in own.items()} for name, own in shapes.items()}
    check(weights, rules, "weights")
    network.load(weights)
    return network


def weights(network):
    """Copies of a network's weights, by its parts' names and their own."""
    return {name: part.parameters.copies() for name, part in network.parts.items()}


def read_model(path, restore):
    """The model in a file, as `restore` makes it of its tree, and the run of a checkpoint or None."""
    with reading(path) as tree:
        check(tree, {"model": dict, "run": object}, "content")
        model, run = restore(tree["model"]), tree["run"]
        if run is not None:
            theta = array(model.network_.theta.dtype, model.network_.theta.size)
            best = {"value": float, "theta": lambda value: value is None or theta(value), "n_stale": integer(0)}
            optimizer = {"first": theta, "second": theta, "n_steps": integer(0, 2**62)}
            memory = {"rng": GENERATOR, "plateau_factor": float, "best": best, "optimizer": optimizer}
            if getattr(model, "averaging", 0):
                memory |= {"mean": best["theta"], "n_averaged": integer(0)}
            check(run, {"data": str, "start": GENERATOR, "memory": memory}, "run")
    return model, run


def _bytes_of(value):
    """What a file would hold of a value: alike for NumPy's scalars and Python's."""
    tensors = {}
    text = json.dumps(encoded(value, "", tensors))
    return b"".join([text.encode(), *(f"{t.dtype}{t.shape}".encode() + t.tobytes() for t in tensors.values())])


def arrays_of(problem):
    """What a problem is read from."""
    X, inputs = problem.sequences, problem.inputs or problem.sequences
    known = () if X.static is None else (X.static,)
    return X.values, X.offsets, inputs.values, inputs.offsets, problem.targets, problem.weights, *known


class Run:
    """One fit of an estimator, as checkpoints hold it beside the model: where its draws began, and on what data.

    `rng` is the generator for it: that of the estimator, or of a checkpoint as its run found it; `beside` are arrays
    that say what judges its epochs, if neither the problem nor the generator does.
    """

    beside = ()

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
        if goes_on or self._estimator.solver == "lbfgs":
            which = "warm_start=True on a fitted model" if goes_on else "solver='lbfgs', which is SciPy's"
            raise ValueError(f"resume_from, to go on with another fit, does not go with {which}: leave one out")
        model, run = read_model(path, self._estimator._restored)
        if run is None:
            raise StorageError(f"{path} has no run from the start to resume: load it, and go on with warm_start=True")
        given, of_run = _parameters(self._estimator), _parameters(model)
        for name in sorted(of_run.keys() - IRRELEVANT):
            value, was = given[name], of_run[name]
            if _bytes_of(value) != _bytes_of(was):
                which = f"{name}={shown(value)}, but the checkpoint's run has {shown(was)}"
                longer = "; to train longer, load the model and fit with warm_start=True" * (name == "max_iter")
                raise ValueError(f"{which}: set it back to go on with that run, or fit without resume_from{longer}")
        return model, run

    @cached_property
    def _data(self):
        """A digest of the problem, and of what the fit has taken from X and y beside it."""
        digest = blake2b()
        for part in (*arrays_of(self._problem), *self.beside):
            digest.update(np.ascontiguousarray(part))
        names = sorted(_rules(self._estimator).keys() - CURVES - {"_shape"})
        for name in names:
            encoded(getattr(self._estimator, name), name, {})  # what no file can hold is refused by its name
        digest.update(_bytes_of([getattr(self._estimator, name) for name in names]))
        return digest.hexdigest()

    def go_on(self, trainer):
        """Bring a trainer to where the checkpoint was, if there is one."""
        if self._checkpoint is not None:
            model, run = self._checkpoint
            if run["data"] != self._data:
                found = "X or y are not the data of the checkpoint's run, or in another order, or others are held out"
                raise ValueError(f"{found}: give the same")
            history, n = History.of(model), trainer.settings.max_iter
            if len(history.epochs) > n:  # "auto" was more in another version
                found = f"the checkpoint's run has {len(history.epochs)} epochs, but max_iter={n}"
                raise ValueError(f"{found}: load the model instead")
            trainer.recall(run["memory"], model.network_.theta, history)

    def save(self, path):
        """Write the model, and what this fit needs to go on."""
        estimator, run = self._estimator, None
        estimator._set_history()
        if self._can_resume:
            run = {"data": self._data, "start": self._start, "memory": estimator._trainer.memory()}
        write(path, {"model": record(estimator), "run": run})
