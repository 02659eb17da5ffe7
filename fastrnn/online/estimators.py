"""Learn the labels or numbers of a stream as they come."""

from numbers import Real

import numpy as np
from scipy.special import softmax

from fastrnn.losses.loss import cross_entropy, squared
from fastrnn.moments import MEMORY, running
from fastrnn.online.learner import OnlineLearner, is_number
from fastrnn.storage import array, floats, integer
from fastrnn.wording import shown


def is_label(value):
    """Whether it can be found again among others, as what is missing cannot; a number must be one."""
    try:
        can_be_found = value is not None and hash(value) is not None and bool(value == value)
    except TypeError:
        return False
    return can_be_found and (not isinstance(value, Real) or is_number(value))


def are_keys(value):
    """Whether a file's list can hold names, each once."""
    is_list = type(value) is list and all(isinstance(v, (str, Real, np.generic)) for v in value)
    return is_list and len(set(value)) == len(value) > 0


def is_positive(value):
    return is_number(value) and value > 0


def are_moments(value):
    n, mean, deviation = value
    return integer(1)(n) and floats([mean, deviation]) and is_number(mean) and is_number(deviation) and deviation >= 0


def are_moments_of_several(value):
    """As of `fastrnn.moments.none_yet`."""
    n = np.size(value[1])
    rules = integer(0), array("float64", n), array("float64", n), array(bool, n)
    return n > 0 and all(rule(part) for rule, part in zip(rules, value, strict=True)) and (value[2] >= 0).all()


class OnlineClassifier(OnlineLearner):
    """Label a stream step by step, and learn from each step, with River's protocol.

    `predict_one` tries a step from the present state, and leaves the state as it is. `learn_one` takes the step, learns
    from the label, and keeps the new state.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn", "mingru", "minlstm", "sru"}, default="gru"
        The kind of the recurrent layer. There is one layer, in one direction.
    hidden_size : int, default=16
        Number of hidden units. With gradient="rtrl", the time of a step grows with their fourth power: 16 units take a
        tenth of a millisecond, 64 units one to fifteen milliseconds. Of "mingru", "minlstm" and "sru", which have no
        matrix over the state, it grows with the number of units alone.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The activation function of cell="rnn". Other cells do not use it.
    gradient : {"rtrl", "bptt"}, default="rtrl"
        How gradients are computed. "rtrl" is real-time recurrent learning: it knows how all of the past acts on the
        present. "bptt" is backpropagation through a sliding window: it knows only the last `bptt_steps` steps, and its
        time grows with them.
    bptt_steps : int, default=20
        The length of the window of gradient="bptt", in steps.
    solver : {"adam", "sgd", "rmsprop"}, default="rmsprop"
        The optimiser. On streams that change, "rmsprop" was best at each learning rate, and much the same for all
        seeds. The momentum of "adam" did harm there.
    learning_rate_init : float, default=5e-3
        The learning rate, which stays constant. To find a rule, and to find it again when it changes, 1e-2 was best. To
        predict the next number of a very noisy series, 2e-3 was best. The default lies between, and did well at both.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient. A gradient with a larger norm is scaled down to it. None does not clip.
    normalize_X : bool, default=True
        Whether each number of x is standardised by its mean and standard deviation so far, this step included. If there
        are more than about 3000 steps, older ones count less and less. A number that was always 0 or 1 so far stays as
        it is.
    classes : list or None, default=None
        Labels that are known beforehand. A label that was not seen before gets an output of its own when it comes.
    dtype : {"float32", "float64"}, default="float32"
        The floating-point type of weights and computations.
    random_state : int, RandomState or None, default=None
        The seed of the initial weights.

    Attributes
    ----------
    feature_names_in_ : list
        The names in the first x, in their order. For a vector they are 0, 1, ...
    n_features_in_ : int
        Number of features.
    classes_ : list
        The labels so far, in the order in which they came.

    See Also
    --------
    OnlineRegressor : Predict numbers.
    fastrnn.SequenceClassifier : Learn from whole sequences.

    Notes
    -----
    Real-time recurrent learning: Williams and Zipser, "A learning algorithm for continually running fully recurrent
    neural networks", Neural Computation 1(2), 1989. The weights change at each step, so the gradient is exact except
    for their change. Where the gradient grows without limit, the past is left out from there on.

    A prediction is for the step that is learned next. If there is a delay between the two, as with River's
    ``progressive_val_score(delay=...)``, the state is that of the last step that was learned.

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
    _fitted_rules = {"feature_names_in_": are_keys, "_X_moments": are_moments_of_several}
    _fitted_rules["classes_"] = lambda labels: are_keys(labels) and all(map(is_label, labels))

    def __init__(self, *, cell="gru", hidden_size=16, nonlinearity="tanh", gradient="rtrl", bptt_steps=20,
        solver="rmsprop", learning_rate_init=5e-3, clip_norm=1.0, normalize_X=True, classes=None, dtype="float32",
        random_state=None):  # fmt: skip
        self._store(locals())

    def _targets(self, y):
        known = [] if self.classes is None or self.__sklearn_is_fitted__() else [*self.classes]
        for label in (*known, y):
            if not is_label(label):
                whose = "y is" if label is y else "classes has"
                raise ValueError(f"{whose} {shown(label)}; a label must be a finite number, a string or the like")
        if not self.__sklearn_is_fitted__():
            self.classes_ = list(dict.fromkeys(known))
        if y not in self.classes_:
            self.classes_ = [*self.classes_, y]
        return np.array([self.classes_.index(y)]), len(self.classes_)

    def predict_proba_one(self, x):
        """Predict the probability of each label after x. The state stays as it is.

        Parameters
        ----------
        x : mapping of names to numbers, or array-like of shape (I,)
            The features of the step.

        Returns
        -------
        dict
            The probability of each label known so far. It is empty before anything was learned.
        """
        if not self.__sklearn_is_fitted__():
            return {}
        return dict(zip(self.classes_, softmax(self._outputs(x).astype(np.float64)).tolist(), strict=True))

    def predict_one(self, x):
        """Predict the most probable label after x. The state stays as it is.

        Parameters
        ----------
        x : mapping of names to numbers, or array-like of shape (I,)
            The features of the step.

        Returns
        -------
        label or None
            The label. It is None before anything was learned.
        """
        return self.classes_[int(self._outputs(x).argmax())] if self.__sklearn_is_fitted__() else None


class OnlineRegressor(OnlineLearner):
    """Predict a number at each step of a stream, and learn from each step, with River's protocol.

    `predict_one` tries a step from the present state, and leaves the state as it is. `learn_one` takes the step, learns
    from the number, and keeps the new state.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn", "mingru", "minlstm", "sru"}, default="gru"
        The kind of the recurrent layer. There is one layer, in one direction.
    hidden_size : int, default=16
        Number of hidden units. With gradient="rtrl", the time of a step grows with their fourth power: 16 units take a
        tenth of a millisecond, 64 units one to fifteen milliseconds. Of "mingru", "minlstm" and "sru", which have no
        matrix over the state, it grows with the number of units alone.
    nonlinearity : {"tanh", "relu", "sigmoid"}, default="tanh"
        The activation function of cell="rnn". Other cells do not use it.
    gradient : {"rtrl", "bptt"}, default="rtrl"
        How gradients are computed. "rtrl" is real-time recurrent learning: it knows how all of the past acts on the
        present. "bptt" is backpropagation through a sliding window: it knows only the last `bptt_steps` steps, and its
        time grows with them.
    bptt_steps : int, default=20
        The length of the window of gradient="bptt", in steps.
    solver : {"adam", "sgd", "rmsprop"}, default="rmsprop"
        The optimiser. On streams that change, "rmsprop" was best at each learning rate, and much the same for all
        seeds. The momentum of "adam" did harm there.
    learning_rate_init : float, default=5e-3
        The learning rate, which stays constant. To find a rule, and to find it again when it changes, 1e-2 was best. To
        predict the next number of a very noisy series, 2e-3 was best. The default lies between, and did well at both.
    clip_norm : float or None, default=1.0
        The largest norm of a gradient. A gradient with a larger norm is scaled down to it. None does not clip.
    normalize_X : bool, default=True
        Whether each number of x is standardised by its mean and standard deviation so far, this step included. If there
        are more than about 3000 steps, older ones count less and less. A number that was always 0 or 1 so far stays as
        it is.
    normalize_y : bool, default=True
        Whether targets are standardised by their mean and variance so far. If there are more than about 300, older ones
        count less and less. Predictions are in the unit of y.
    dtype : {"float32", "float64"}, default="float32"
        The floating-point type of weights and computations.
    random_state : int, RandomState or None, default=None
        The seed of the initial weights.

    Attributes
    ----------
    feature_names_in_ : list
        The names in the first x, in their order. For a vector they are 0, 1, ...
    n_features_in_ : int
        Number of features.

    See Also
    --------
    OnlineClassifier : Predict labels.
    fastrnn.SequenceRegressor : Learn from whole sequences.

    Notes
    -----
    Real-time recurrent learning: Williams and Zipser, "A learning algorithm for continually running fully recurrent
    neural networks", Neural Computation 1(2), 1989. The weights change at each step, so the gradient is exact except
    for their change. Where the gradient grows without limit, the past is left out from there on.

    A prediction is for the step that is learned next. If there is a delay between the two, as with River's
    ``progressive_val_score(delay=...)``, the state is that of the last step that was learned.

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
        """Predict the number after x. The state stays as it is.

        Parameters
        ----------
        x : mapping of names to numbers, or array-like of shape (I,)
            The features of the step.

        Returns
        -------
        float
            The number, in the unit of y. It is 0.0 before anything was learned.
        """
        if not self.__sklearn_is_fitted__():
            return 0.0
        return self._y_mean + self._y_scale * float(self._outputs(x)[0])
