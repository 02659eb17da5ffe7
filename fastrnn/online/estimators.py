"""Labels and numbers of a stream, learned as they come."""

from numbers import Real

import numpy as np
from scipy.special import softmax

from fastrnn.losses.loss import cross_entropy, squared
from fastrnn.moments import MEMORY, running
from fastrnn.online.learner import OnlineLearner, is_number
from fastrnn.storage import array, integer
from fastrnn.wording import shown


def is_label(value):
    """Whether it can be found again among others, as what is missing cannot."""
    try:
        return value is not None and hash(value) is not None and bool(value == value)
    except TypeError:
        return False


def are_keys(value):
    """Whether a file's list can hold names or labels."""
    return type(value) is list and len(value) > 0 and all(isinstance(v, (str, Real, np.generic)) for v in value)


def is_positive(value):
    return is_number(value) and value > 0


def are_moments(value):
    return type(value) in (list, tuple) and len(value) == 3 and all(map(is_number, value)) and is_positive(value[0])


def are_moments_of_several(value):
    n = np.size(value[1]) if type(value) in (list, tuple) and len(value) == 4 else 0
    rules = integer(0), array("float64", n), array("float64", n), array(bool, n)
    return n > 0 and all(rule(part) for rule, part in zip(rules, value, strict=True))


class OnlineClassifier(OnlineLearner):
    """Label a stream step by step, learning as it goes, with River's protocol.

    `predict_one` takes a tentative step from the present state, which it leaves as it is; `learn_one` takes the step,
    learns from the label, and keeps the new state.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="gru"
        One level, in one direction.
    hidden_size : int, default=16
        Units.  By "rtrl" a step costs as their fourth power: 16 take a tenth of a millisecond, 64 one to fifteen.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Of cell="rnn".
    gradient : {"rtrl", "bptt"}, default="rtrl"
        "rtrl", real-time recurrent learning, knows how all of the past bears on the present; "bptt", backpropagation
        through a sliding window, only what happened in the last `bptt_steps` steps, for a time that grows with them.
    bptt_steps : int, default=20
        The window of gradient="bptt".
    solver : {"adam", "sgd", "rmsprop"}, default="rmsprop"
        On streams that change "rmsprop" went best at every rate, and alike for all seeds; the momentum of "adam" did
        harm there.
    learning_rate_init : float, default=5e-3
        A rule to be found, and found anew when it changes, went best with 1e-2; the next number of a series full of
        noise with 2e-3.  This lies between, and did well at both.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient; longer ones are shortened.
    normalize_X : bool, default=True
        Read x standardised by the mean and the deviation of each number so far, this one's too, of about the last 3000
        when there are more; what was only 0 and 1 so far stays as it is.
    classes : list or None, default=None
        Labels known beforehand.  One that was not seen before gets an output of its own when it comes.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, RandomState or None, default=None
        For the initial weights.

    Attributes
    ----------
    feature_names_in_ : list
        The first x's names in their order; for a vector 0, 1, ...
    n_features_in_ : int
    classes_ : list
        The labels so far, in the order they came.

    Notes
    -----
    Williams and Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
    Computation 1(2), 1989; with weights that change the gradient is exact up to their change.  Where it grows beyond
    all bounds, the past is left out of it from there on.
    What is predicted is the step that is learned next: with a delay between the two, as by River's
    ``progressive_val_score(delay=...)``, the state is that of the last step learned.

    Examples
    --------
    Was the number before positive?

    >>> import numpy as np
    >>> from fastrnn.online import OnlineClassifier
    >>> x = np.random.RandomState(0).normal(size=1001)
    >>> model, right = OnlineClassifier(random_state=0), []
    >>> for before, now in zip(x[:-1] > 0, x[1:]):
    ...     right.append(model.predict_one({"signal": now}) == before)
    ...     model.learn_one({"signal": now}, before)
    >>> bool(np.mean(right[-200:]) > 0.9)
    True
    """

    _loss = cross_entropy
    _multiclass = True  # River asks
    _fitted_rules = {"feature_names_in_": are_keys, "classes_": are_keys, "_X_moments": are_moments_of_several}

    def __init__(self, *, cell="gru", hidden_size=16, nonlinearity="tanh", gradient="rtrl", bptt_steps=20,
        solver="rmsprop", learning_rate_init=5e-3, clip_norm=1.0, normalize_X=True, classes=None, dtype="float32",
        random_state=None):  # fmt: skip
        self._store(locals())

    def _targets(self, y):
        known = [] if self.classes is None or self.__sklearn_is_fitted__() else [*self.classes]
        for label in (*known, y):
            if not is_label(label) or (isinstance(label, Real) and not is_number(label)):
                whose = "y is" if label is y else "classes has"
                raise ValueError(f"{whose} {shown(label)}; a label must be a finite number, a string or the like")
        if not self.__sklearn_is_fitted__():
            self.classes_ = list(dict.fromkeys(known))
        if y not in self.classes_:
            self.classes_ = [*self.classes_, y]
        return np.array([self.classes_.index(y)]), len(self.classes_)

    def predict_proba_one(self, x):
        """The probability of each label known so far, a dict; empty before anything was learned."""
        if not self.__sklearn_is_fitted__():
            return {}
        return dict(zip(self.classes_, softmax(self._outputs(x).astype(np.float64)).tolist(), strict=True))

    def predict_one(self, x):
        """The most probable label after x, None before anything was learned; the state stays."""
        return self.classes_[int(self._outputs(x).argmax())] if self.__sklearn_is_fitted__() else None


class OnlineRegressor(OnlineLearner):
    """Predict a number at each step of a stream, learning as it goes, with River's protocol.

    `predict_one` takes a tentative step from the present state, which it leaves as it is; `learn_one` takes the step,
    learns from the number, and keeps the new state.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}, default="gru"
        One level, in one direction.
    hidden_size : int, default=16
        Units.  By "rtrl" a step costs as their fourth power: 16 take a tenth of a millisecond, 64 one to fifteen.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        Of cell="rnn".
    gradient : {"rtrl", "bptt"}, default="rtrl"
        "rtrl", real-time recurrent learning, knows how all of the past bears on the present; "bptt", backpropagation
        through a sliding window, only what happened in the last `bptt_steps` steps, for a time that grows with them.
    bptt_steps : int, default=20
        The window of gradient="bptt".
    solver : {"adam", "sgd", "rmsprop"}, default="rmsprop"
        On streams that change "rmsprop" went best at every rate, and alike for all seeds; the momentum of "adam" did
        harm there.
    learning_rate_init : float, default=5e-3
        A rule to be found, and found anew when it changes, went best with 1e-2; the next number of a series full of
        noise with 2e-3.  This lies between, and did well at both.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient; longer ones are shortened.
    normalize_X : bool, default=True
        Read x standardised by the mean and the deviation of each number so far, this one's too, of about the last 3000
        when there are more; what was only 0 and 1 so far stays as it is.
    normalize_y : bool, default=True
        Learn targets standardised by the mean and the variance of those so far, of about the last 300 when there are
        more; predictions come in their own unit.
    dtype : {"float32", "float64"}, default="float32"
    random_state : int, RandomState or None, default=None
        For the initial weights.

    Attributes
    ----------
    feature_names_in_ : list
        The first x's names in their order; for a vector 0, 1, ...
    n_features_in_ : int

    Notes
    -----
    Williams and Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
    Computation 1(2), 1989; with weights that change the gradient is exact up to their change.  Where it grows beyond
    all bounds, the past is left out of it from there on.
    What is predicted is the step that is learned next: with a delay between the two, as by River's
    ``progressive_val_score(delay=...)``, the state is that of the last step learned.

    Examples
    --------
    The mean of the last two numbers:

    >>> import numpy as np
    >>> from fastrnn.online import OnlineRegressor
    >>> x = np.random.RandomState(0).normal(size=1001)
    >>> model, errors = OnlineRegressor(random_state=0), []
    >>> for before, now in zip(x[:-1], x[1:]):
    ...     errors.append(model.predict_one([now]) - (before + now) / 2)
    ...     model.learn_one([now], (before + now) / 2)
    >>> bool(np.std(errors[-200:]) < 0.2)
    True
    """

    _loss = squared
    _fitted_rules = {
        "feature_names_in_": are_keys, "_X_moments": are_moments_of_several, "_y_moments": are_moments,
        "_y_mean": is_number, "_y_scale": is_positive}  # fmt: skip

    def __init__(self, *, cell="gru", hidden_size=16, nonlinearity="tanh", gradient="rtrl", bptt_steps=20,
        solver="rmsprop", learning_rate_init=5e-3, clip_norm=1.0, normalize_X=True, normalize_y=True, dtype="float32",
        random_state=None):  # fmt: skip
        self._store(locals())

    def _targets(self, y):
        if not is_number(y):
            raise ValueError(f"y is {shown(y)}; a target must be a finite number")
        y, moments = float(y), getattr(self, "_y_moments", (0, 0.0, 0.0))
        moments = running(*moments, y, MEMORY) if self.normalize_y else (1, 0.0, 1.0)
        self._y_moments = _, self._y_mean, deviation = moments
        self._y_scale = float(deviation) or 1.0
        return np.array([[(y - self._y_mean) / self._y_scale]], self.dtype), 1

    def predict_one(self, x):
        """The number expected after x, 0.0 before anything was learned; the state stays."""
        if not self.__sklearn_is_fitted__():
            return 0.0
        return self._y_mean + self._y_scale * float(self._outputs(x)[0])
