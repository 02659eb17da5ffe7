"""What online learners share: steps, gradients, updates, and what their files must hold."""

from copy import deepcopy
from math import sqrt
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from fastrnn.base import COUNT, SHARED_CONSTRAINTS, Problem, SequenceEstimator
from fastrnn.base.naming import Named
from fastrnn.base.summary import Summarised
from fastrnn.kernels import rtrl, rtrl_diagonal
from fastrnn.layers.cells import NONLINEARITIES
from fastrnn.moments import MEMORY, none_yet, run_on
from fastrnn.network.parts import Encoder, make_cell
from fastrnn.network.sequence import SequenceNetwork
from fastrnn.optimizers import Optimizer, Sweeps, norm
from fastrnn.records import rebuilt, weights, with_weights
from fastrnn.sequences import Sequences
from fastrnn.storage import StorageError, array, check, expect, integer
from fastrnn.tables import labels, refuse_twice
from fastrnn.wording import shown

LARGEST = float(np.finfo(np.float32).max)
EXPLODED = 100.0
"""Norm of the network's gradient, to the outputs' if that is more than 1, from which derivatives begin at zero again.

Those of a network that has become chaotic grow without end; learning that goes well stayed below in 999 steps of 1000.
"""
ENGINES = dict.fromkeys(("lstm", "gru", "rnn"), rtrl) | dict.fromkeys(("mingru", "minlstm", "sru"), rtrl_diagonal)
"""What takes a step of each cell, and knows its derivatives."""
_ONE, _FIRST = np.ones(1), np.zeros(1, np.int64)


def is_number(value):
    try:
        return isinstance(value, (float, Real, np.bool_)) and abs(float(value)) <= LARGEST
    except OverflowError:  # an integer of hundreds of digits
        return False


class OnlineLearner(Named, Summarised, BaseEstimator):
    """Steps, gradients and updates; a subclass encodes targets and decodes outputs.

    Until a step has succeeded attributes are replaced, and what they hold is not written to.
    """

    _supervised = True  # River asks
    _parameter_constraints = {
        **SHARED_CONSTRAINTS, "cell": [StrOptions({*ENGINES})], "bptt_steps": [COUNT],
        "gradient": [StrOptions({"rtrl", "bptt"})],
        "solver": [StrOptions({"adam", "sgd", "rmsprop"})], "classes": ["array-like", None]}  # fmt: skip
    _store, _unchanged_on_error = SequenceEstimator._store, SequenceEstimator._unchanged_on_error
    __sklearn_is_fitted__ = SequenceEstimator.__sklearn_is_fitted__

    def clone(self, new_params=None, include_attributes=False):
        """Make a copy with the same parameters that has learned nothing, as River asks for it.

        Parameters
        ----------
        new_params : dict, default=None
            Names and values of parameters that differ in the copy.
        include_attributes : bool, default=False
            Whether to copy what was learned, too.

        Returns
        -------
        learner
            The copy.
        """
        return (deepcopy(self) if include_attributes else clone(self)).set_params(**(new_params or {}))

    def learn_one(self, x, y):
        """Take one step, learn from y, and keep the new state.

        Parameters
        ----------
        x : mapping of names to numbers, or array-like of shape (I,)
            The features of the step. The first x fixes their names, or their number.
        y : label or float
            The target of the step.

        Raises
        ------
        ValueError
            If x has other names or another number of features than the first x had, if it holds anything but finite
            numbers, or if the gradient overflows. The learner has not changed then.
        """
        with self._unchanged_on_error(), np.errstate(over="ignore", invalid="ignore"):
            is_new = not self.__sklearn_is_fitted__()
            if is_new or any(getattr(self, name) is not value for name, value in self._checked.items()):
                self._check_parameters(is_new)
            (values, self._X_moments), (targets, n_outputs) = self._standardised(self._vector(x)), self._targets(y)
            if is_new:
                self._build(n_outputs)
                self.reset()
            elif self.network_.head.output_size < n_outputs:
                self._grow(n_outputs)
            (self._forward_in_time if self.gradient == "rtrl" else self._through_window)(values, targets)
            network, size = self.network_, norm(self.network_.gradient)
            if not size < self._largest_norm:
                place = f"x = {shown(x)}, y = {shown(y)}"
                raise ValueError(f"the gradient overflows at {place}: scale x, or lower learning_rate_init")
            sweeps = network.kept("sweeps", lambda: Sweeps(network, self._optimizer))
            sweeps.step(self.learning_rate_init, clip_norm=self.clip_norm)
            network.changed()

    def reset(self):
        """Begin a new sequence: the state is set to zero, and the weights stay."""
        if self.__sklearn_is_fitted__():
            stack = self.network_.encoder.recurrent
            self._state = np.zeros((stack.n_states, stack.hidden_size), stack.dtype)
            self._derivatives, self._window = None, []

    def _check_parameters(self, is_new):
        """They must be allowed, and those that the network was made with as they were."""
        self._validate_params()
        for name in () if is_new else ("cell", "hidden_size", "nonlinearity", "gradient", "solver", "dtype"):
            now, was = getattr(self, name), self._checked[name]
            if now != was:
                which = f"{name}={shown(now)}, but this learner has learned with {shown(was)}"
                raise ValueError(f"{which}: set it back, or begin with a clone")
        self._checked = {name: getattr(self, name) for name in self._get_param_names()}

    def _vector(self, x):
        """x as an array (I,)."""
        if labels(x, "x") is not None:
            raise ValueError(f"x is a {type(x).__name__}, but must be one step of it: of a pandas frame, x.iloc[0]")
        if is_mapping := hasattr(x, "keys"):
            refuse_twice(x.keys(), "x")
        elif not isinstance(x, (list, tuple)) and np.ndim(x) != 1:
            raise ValueError(f"x must be a mapping of names to numbers, or a vector; got {type(x).__name__}")
        x = dict(x if is_mapping else enumerate(x))
        names = list(x)
        if not names:
            raise ValueError("x has no features; it needs at least one")
        if not self.__sklearn_is_fitted__():
            self.feature_names_in_, self.n_features_in_ = names, len(names)
            self._X_moments = none_yet(len(names))
        known = self.feature_names_in_
        if names != known and set(names) != set(known):
            came, expected = shown(names, 200), shown(known, 200)
            raise ValueError(f"x has the features {came}, but the first x had {expected}; give the same ones each time")
        for name in known:
            if not is_number(x[name]):
                fault = f"x[{shown(name)}] is {shown(x[name])}; float32 holds no such number"
                raise ValueError(f"{fault}: encode, impute or scale")
        return np.array([x[name] for name in known], np.float64)

    def _standardised(self, x):
        """What the network reads of x (I,), and the running moments with it among them."""
        dtype = self._checked["dtype"]
        if not self.normalize_X:
            return x.astype(dtype), self._X_moments
        out, moments = np.empty(x.size, dtype), tuple(map(np.empty_like, self._X_moments[1:]))
        # For longer than targets: what weights have learned to read should hold still.
        return out, (run_on(out, *moments, *self._X_moments, x, 10 * MEMORY), *moments)

    def _build(self, n_outputs, known=None):
        """A network of random weights, or known ones; an optimiser for it, and what the kernels are told of it."""
        recurrent = {"hidden_size": self.hidden_size, "num_layers": 1, "bias": True, "bidirectional": False}
        encoder = Encoder(None, self.n_features_in_, make_cell(self.cell, self.nonlinearity), recurrent, self.dtype)
        rng = check_random_state(self.random_state) if known is None else None
        self.network_ = SequenceNetwork(encoder, n_outputs, "last", None, rng)
        if known is not None:
            with_weights(self.network_, known, self.dtype)
        theta, (recurrent, head) = self.network_.theta, self.network_.parts.values()
        self._optimizer = Optimizer(self.solver, theta.size, theta.dtype, momentum=0.0, nesterov=False)
        starts, self._head_starts = (np.array([*part.parameters.offsets.values()]) for part in (recurrent, head))
        n_gates = self.network_.encoder.recurrent.levels[0].cell.n_gates
        self._largest_norm = sqrt(np.finfo(theta.dtype).max)  # the optimisers square it
        code = (NONLINEARITIES[self.nonlinearity],) if ENGINES[self.cell] is rtrl else ()
        self._step_options = starts, n_gates, *code

    def _grow(self, n_outputs):
        """Give the head more rows, zeros at first; all else goes on, the optimiser's memory too."""
        old, memory = self.network_, self._optimizer
        self._build(n_outputs)
        start, K = old.theta.size - old.head.parameters.size, old.head.output_size
        new = self._optimizer
        new.n_steps = memory.n_steps
        pairs = (old.theta, self.network_.theta), (memory.first, new.first), (memory.second, new.second)
        for source, target in pairs:
            target[:start], target[start:] = source[:start], 0
            for name in old.head.parameters:
                rows = old.head.parameters.stored_view(source[start:], name)
                self.network_.head.parameters.stored_view(target[start:], name)[..., :K] = rows

    def _record(self):
        """The tree of a file; see `fastrnn.records`."""
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this {type(self).__name__} has not learned anything yet: call learn_one first")
        parameters = dict(self._checked)  # those it has learned with
        if isinstance(self.random_state, np.random.RandomState):
            parameters["random_state"] = None
        size = self.network_.encoder.recurrent.parameters.size  # beyond it a row is as long as this CPU's vectors want
        memory = {
            "state": self._state, "derivatives": self._derivatives and self._derivatives[0][:, :size],
            "seen": [x for x, _ in self._window], "states": [state for _, state in self._window],
            **vars(self._optimizer)}  # fmt: skip
        fitted = {name: getattr(self, name) for name in self._fitted_rules}
        for name in fitted.keys() & {"classes_", "feature_names_in_"}:
            for value in fitted[name]:
                if not isinstance(value, (str, Real, np.generic)):
                    found = f"{name} has {shown(value)}, a {type(value).__name__} that no file can hold"
                    raise StorageError(f"{found}: learn with texts or numbers in its place")
        check(fitted, self._fitted_rules, "learner")
        known = {"fitted": fitted, "memory": memory}
        return {"class": type(self).__name__, "parameters": parameters, "weights": weights(self.network_), **known}

    @classmethod
    def _restored(cls, tree):
        learner = rebuilt(cls, tree, lambda learner: learner._fitted_rules, weights=dict, memory=dict)
        learner._check_parameters(True)
        learner.n_features_in_ = len(learner.feature_names_in_)
        expect(learner._X_moments[1].size == learner.n_features_in_, "its moments do not go with its features")
        learner._build(len(getattr(learner, "classes_", (0,))), tree["weights"])
        learner.reset()
        learner._remember(**tree["memory"])
        return learner

    def _remember(self, state, derivatives, seen, states, **optimizer):
        """Go on from what `_record` has written."""
        own, dtype, theta = self._state, self._state.dtype, self.network_.theta
        is_state, is_seen = array(dtype, *own.shape), array(dtype, self.n_features_in_)
        is_right = is_state(state) and all(map(is_state, states)) and all(map(is_seen, seen))
        expect(is_right and len(seen) == len(states), "its states do not go with the rest")
        self._state, self._window = state, [*zip(seen, states, strict=True)]
        if derivatives is not None:
            size, both = self.network_.encoder.recurrent.parameters.size, self._no_derivatives()
            expect(array(dtype, len(both[0]), size)(derivatives), "its derivatives do not go with the rest")
            both[0][:, :size], self._derivatives = derivatives, both
        vector = array(dtype, theta.size)
        squares = {"second": lambda value: vector(value) and (value >= 0).all()}
        rules = {**vars(self._optimizer), "first": vector, **squares, "n_steps": integer(0, 2**62)}
        check(optimizer, rules, "optimizer")
        vars(self._optimizer).update(optimizer)

    def _run(self, kernel, arrays, x):
        """Take a step with a kernel, whose first array is the new state; the outputs (1, K) after it."""
        recurrent, head = self.network_.encoder.recurrent.parameters, self.network_.head.parameters
        kernel(*arrays, x, recurrent.values, *self._step_options)
        outputs = np.zeros((1, self.network_.head.output_size), x.dtype)
        rtrl.add_sums(outputs[0], arrays[0][0], head.values, *self._head_starts)
        return outputs

    def _forward_in_time(self, x, targets):
        network, old, new = self.network_, self._state, np.empty_like(self._state)
        recurrent, head, engine = network.encoder.recurrent.parameters, network.head.parameters, ENGINES[self.cell]
        now, after = self._derivatives or self._no_derivatives()
        _, d_outputs = self._loss.of_rows(self._run(engine.step, (new, after, old, now), x), targets, _ONE)
        self._state, self._derivatives = new, (after, now)
        network.gradient[:] = 0
        d_head = head.stored_gradients["weight"], head.stored_gradients["bias"]
        seen = d_outputs[0], new[0], head.stored("weight"), after, self._step_options[0]
        engine.add_gradient(recurrent.gradients, *d_head, *seen)
        if (size := norm(recurrent.gradients)) > EXPLODED and size > EXPLODED * np.abs(d_outputs).max():
            self._derivatives = None

    def _no_derivatives(self):
        """Those of a first state, and room for those of the next one."""
        size = self.network_.encoder.recurrent.parameters.size
        return tuple(ENGINES[self.cell].zeros(self._state, size) for _ in range(2))

    def _through_window(self, x, targets):
        self._window = [*self._window, (x, self._state)][-self.bptt_steps :]
        T = len(self._window)
        training, values, wanted = self.network_.kept(f"window of {T}", lambda: self._window_of(T, targets))
        np.stack([x for x, _ in self._window], out=values)
        wanted[...] = targets
        training.states[:, 0] = self._window[0][1]
        training(0)
        self._state = training.states[:, 0].copy()

    def _window_of(self, T, targets):
        """A training on one sequence of T steps that goes on from a state; its steps and targets, to be filled."""
        values = np.empty((T, self.n_features_in_), self._state.dtype)
        steps, targets = Sequences(values, np.array([0, T])), targets.copy()
        problem = Problem(steps, targets, _ONE, self.network_.head.output_size, self._loss, n_streams=1)
        training = self.network_.training(problem, drops=False, batch_size=1)
        training.lay_out([_FIRST], 0)
        return training, values, targets

    def _outputs(self, x):
        """Outputs (K,) after a tentative step."""
        values, _ = self._standardised(self._vector(x))
        outputs = self._run(ENGINES[self.cell].advance, (np.empty_like(self._state), self._state), values)[0]
        if not np.isfinite(outputs).all():
            raise ValueError(f"x = {shown(x)} makes the outputs overflow: scale x to about 1")
        return outputs
