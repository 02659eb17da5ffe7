"""One sample at a time: learners with River's protocol, for streams that never end and may drift."""

from collections.abc import Hashable, Mapping
from math import isfinite, sqrt
from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from fastrnn.base import SHARED_CONSTRAINTS, SequenceEstimator
from fastrnn.kernels import rtrl
from fastrnn.layers.cells import NONLINEARITIES
from fastrnn.losses import cross_entropy, squared
from fastrnn.network.parts import Batch, Encoder, make_cell
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.optimizers import Optimizer, clip, norm
from fastrnn.sequences import regular_packing

_ONE, _FIRST = np.ones(1), np.zeros(1, np.int64)
_SHARED = "cell", "hidden_size", "nonlinearity", "learning_rate_init", "clip_norm", "dtype", "random_state"


class _OnlineLearner(BaseEstimator):
    """Steps, gradients and updates; a subclass encodes targets and decodes outputs.

    Nothing that an attribute holds is written to before all checks are passed, but replaced: on an error the old
    attributes come back.
    """

    _supervised = True  # River asks
    _parameter_constraints = {
        **{name: SHARED_CONSTRAINTS[name] for name in _SHARED},
        "gradient": [StrOptions({"rtrl", "bptt"})],
        "bptt_steps": [Interval(Integral, 1, None, closed="left")],
        "solver": [StrOptions({"adam", "sgd", "rmsprop"})],
    }
    _store = SequenceEstimator._store

    def learn_one(self, x, y):
        """Take the step, learn from y, and keep the new state.

        Parameters
        ----------
        x : mapping of names to numbers, or vector (I,)
            The first one fixes the names, or the width.
        y : label, or number

        Raises
        ------
        ValueError
            For other names or another width than the first x had, for what is no finite number, and if the gradient
            overflows; the learner is then as it was.
        """
        before = vars(self).copy()
        try:
            self._learn(x, y)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def reset(self):
        """Begin a new sequence: the state is zero again, the weights stay."""
        if self.__sklearn_is_fitted__():
            stack = self.network_.encoder.recurrent
            self._state = np.zeros((stack.n_states, stack.hidden_size), stack.dtype)
            self._derivatives, self._window = None, []

    def __sklearn_is_fitted__(self):
        return hasattr(self, "network_")

    # -------------------------------------------------------------------------------------- input

    def _vector(self, x):
        """x as an array (I,)."""
        if not isinstance(x, (Mapping, list, tuple)) and np.ndim(x) != 1:
            raise ValueError(f"x must be a mapping of names to numbers, or a vector; got {type(x).__name__}")
        names = list(x) if isinstance(x, Mapping) else list(range(len(x)))
        if not hasattr(self, "feature_names_in_"):
            self.feature_names_in_, self.n_features_in_ = names, len(names)
        known = self.feature_names_in_
        if len(names) != len(known) or set(names) != set(known):
            raise ValueError(f"x has the features {names}, but the first x had {known}; learn them with another model")
        for name in known:
            if not isinstance(x[name], (Real, np.bool_)):
                raise ValueError(f"x[{name!r}] is {x[name]!r}; features must be numbers: encode it first")
        with np.errstate(over="ignore"):  # what overflows float32 is reported below
            values = np.array([x[name] for name in known], self.dtype)
        if not np.isfinite(values).all():
            name = known[int(np.argmin(np.isfinite(values)))]
            raise ValueError(f"x[{name!r}] is {x[name]}, not finite as {self.dtype}; leave the sample out or impute it")
        return values

    # ------------------------------------------------------------------------------------ learning

    def _learn(self, x, y):
        is_new = not self.__sklearn_is_fitted__()
        if is_new:
            self._validate_params()
        x, targets = self._vector(x), self._targets(y)
        if is_new:
            self._build()
            self.reset()
        elif self.network_.head.output_size < self._n_outputs():
            self._grow()
        network = self.network_
        with np.errstate(over="ignore", invalid="ignore"):  # the error below says it better
            (self._forward_in_time if self.gradient == "rtrl" else self._through_window)(x, targets)
        if not isfinite(norm(network.gradient)):
            raise ValueError(
                f"the gradient overflows at x = {x}, y = {y!r}: scale x to about 1, or leave the sample out"
            )
        clip(network.gradient, self.clip_norm, None)
        self._optimizer.step(network.theta, network.gradient, self.learning_rate_init)
        network.changed()

    def _build(self):
        recurrent = {"hidden_size": self.hidden_size, "num_layers": 1, "bias": True, "bidirectional": False}
        cell = make_cell(self.cell, self.nonlinearity)
        encoder = Encoder(None, self.n_features_in_, cell, recurrent, 0.0, self.dtype)
        self.network_ = SequenceNetwork(encoder, self._n_outputs(), "last", None, check_random_state(self.random_state))
        theta, parameters = self.network_.theta, encoder.recurrent.parameters
        self._optimizer = Optimizer(self.solver, theta.size, theta.dtype, momentum=0.0, nesterov=False)
        places = np.arange(parameters.size)
        starts = np.array([parameters.stored_view(places, name).flat[0] for name in parameters])
        self._kernel_arguments = parameters.values, starts, cell.n_gates, NONLINEARITIES[self.nonlinearity]

    def _grow(self):
        """Give the head more rows, zeros at first; all else goes on, the optimiser's memory too."""
        old, memory = self.network_, self._optimizer
        before = [vector.copy() for vector in (old.theta, memory.first, memory.second)]
        self._build()
        self._optimizer.n_steps = memory.n_steps
        start = old.theta.size - old.head.parameters.size
        after = self.network_.theta, self._optimizer.first, self._optimizer.second
        for source, target in zip(before, after, strict=True):
            target[:start], target[start:] = source[:start], 0
            for name in old.head.parameters:
                rows = old.head.parameters.stored_view(source[start:], name)
                self.network_.head.parameters.stored_view(target[start:], name)[..., : old.head.output_size] = rows

    def _forward_in_time(self, x, targets):
        network, new = self.network_, np.empty_like(self._state)
        parameters = network.encoder.recurrent.parameters
        if self._derivatives is None:
            self._derivatives = [rtrl.zeros(new, parameters.size) for _ in range(2)]
        now, after = self._derivatives
        rtrl.step(new, after, self._state, now, x, *self._kernel_arguments)
        self._state, self._derivatives = new, (after, now)
        _, d_outputs = self._loss(network.head.forward(new[:1], keep=True), targets, _ONE)
        network.gradient[:] = 0
        d_h = network.head.backward(d_outputs)
        rtrl.add_gradient(parameters.gradients, d_h[0, : new.shape[1]], after)

    def _through_window(self, x, targets):
        self._window = [*self._window, (x, self._state)][-self.bptt_steps :]
        rows = np.stack([x for x, _ in self._window])
        batch = Batch(regular_packing(len(rows), 1, 1), _FIRST, rows, _FIRST)
        state = tuple(part[np.newaxis, np.newaxis] for part in self._window[0][1])
        self.network_.loss_and_gradient(batch, self._loss, targets, _ONE, state=state)
        self._state = np.concatenate([part[0] for part in self.network_.final_state])

    # ---------------------------------------------------------------------------------- prediction

    def _outputs(self, x):
        """Outputs (K,) after a tentative step."""
        new = np.empty_like(self._state)
        rtrl.advance(new, self._state, self._vector(x), *self._kernel_arguments)
        outputs = self.network_.head.forward(new[:1])[0]
        if not np.isfinite(outputs).all():
            raise ValueError(f"x = {x} makes the outputs overflow: scale x to about 1")
        return outputs


class OnlineClassifier(_OnlineLearner):
    _multiclass = True  # River asks
    _parameter_constraints = {**_OnlineLearner._parameter_constraints, "classes": ["array-like", None]}
    _loss = staticmethod(cross_entropy)

    def __init__(
        self, *, cell="gru", hidden_size=16, nonlinearity="tanh", gradient="rtrl", bptt_steps=20, solver="adam",
        learning_rate_init=1e-2, clip_norm=1.0, classes=None, dtype="float32", random_state=None,
    ):  # fmt: skip
        self._store(locals())

    def _targets(self, y):
        if not isinstance(y, Hashable) or y is None or (isinstance(y, Real) and not isfinite(y)):
            raise ValueError(f"y is {y!r}; a label must be a finite number, a string or the like")
        if not self.__sklearn_is_fitted__():
            self.classes_ = list(dict.fromkeys(() if self.classes is None else self.classes))
        if y not in self.classes_:
            self.classes_ = [*self.classes_, y]
        return np.array([self.classes_.index(y)])

    def _n_outputs(self):
        return len(self.classes_)

    def predict_proba_one(self, x):
        """The probability of each label known so far, a dict; empty before anything was learned."""
        if not self.__sklearn_is_fitted__():
            return {}
        return dict(zip(self.classes_, softmax(self._outputs(x).astype(np.float64)).tolist(), strict=True))

    def predict_one(self, x):
        """The most probable label after x, None before anything was learned; the state stays."""
        return self.classes_[int(self._outputs(x).argmax())] if self.__sklearn_is_fitted__() else None


class OnlineRegressor(_OnlineLearner):
    _parameter_constraints = {**_OnlineLearner._parameter_constraints, "normalize_y": ["boolean"]}
    _loss = staticmethod(squared)

    def __init__(
        self, *, cell="gru", hidden_size=16, nonlinearity="tanh", gradient="rtrl", bptt_steps=20, solver="adam",
        learning_rate_init=1e-2, clip_norm=1.0, normalize_y=True, dtype="float32", random_state=None,
    ):  # fmt: skip
        self._store(locals())

    def _targets(self, y):
        if not isinstance(y, (Real, np.bool_)) or not isfinite(y):
            raise ValueError(f"y is {y!r}; a target must be a finite number")
        y = float(y)
        if not self.__sklearn_is_fitted__():
            self._y_sums, self._y_mean, self._y_scale = (0, 0.0), 0.0, 1.0
        if self.normalize_y:
            # Welford, Technometrics 1962.
            n, squares = self._y_sums
            difference, self._y_mean = y - self._y_mean, self._y_mean + (y - self._y_mean) / (n + 1)
            self._y_sums = n + 1, squares + difference * (y - self._y_mean)
            self._y_scale = sqrt(self._y_sums[1] / (n + 1)) or 1.0
        with np.errstate(over="ignore", invalid="ignore"):
            target = np.array([[(y - self._y_mean) / self._y_scale]]).astype(self.dtype)
        if not isfinite(target[0, 0]) or not isfinite(self._y_scale):
            raise ValueError(f"y is {y}, too large for {self.dtype}; scale it")
        return target

    def _n_outputs(self):
        return 1

    def predict_one(self, x):
        """The number expected after x, 0.0 before anything was learned; the state stays."""
        if not self.__sklearn_is_fitted__():
            return 0.0
        return self._y_mean + self._y_scale * float(self._outputs(x)[0])


try:
    from river import base as _river
except ImportError:  # River is for whoever has it; its metrics look for these two classes
    pass
else:
    _river.Classifier.register(OnlineClassifier)
    _river.Regressor.register(OnlineRegressor)
