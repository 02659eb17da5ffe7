"""Ensembles: the same model from several seeds, whose answers are averaged."""

import time
from numbers import Integral

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from fastrnn import records, threads
from fastrnn.base.files import refuse_files
from fastrnn.base.inputs import SHARED_CONSTRAINTS
from fastrnn.base.labels import apart, most_probable
from fastrnn.base.wrapping import check_taken, show
from fastrnn.classifier import SequenceClassifier
from fastrnn.regressor import SequenceRegressor
from fastrnn.storage import check, expect
from fastrnn.tagger import SequenceTagger
from fastrnn.wording import check_count

KINDS = {cls.__name__: cls for cls in (SequenceClassifier, SequenceRegressor, SequenceTagger)}
IN_MEMORY = "an ensemble reads what is in memory; fit its estimator to the files, with one random_state after the other"


class SequenceEnsemble(MetaEstimatorMixin, BaseEstimator):
    """The same model from several seeds, whose answers are averaged.

    Each member is a clone of the estimator with a `random_state` of its own: it begins with other weights, and reads
    the sequences in another order. All members learn from all of the data. Their mean is mostly better than one of
    them, and its probabilities are better calibrated (Lakshminarayanan et al. 2017). How much they differ shows how
    sure the answer is.

    Parameters
    ----------
    estimator : SequenceClassifier, SequenceRegressor or SequenceTagger
        The model. It stays as it is, and its own `random_state` is not used. `fastrnn.load` makes it of a member. Its
        callbacks follow every member, so the file of a `Checkpoint` is that of one of them.
    n_members : int, default=8
        The number of members.
    n_jobs : int or None, default=None
        Number of members that are trained at once, each on one core. None takes all cores, and -1 does, too. If
        ``joblib.parallel_config`` has chosen a backend, such as "loky" or "dask", members are trained there, and None
        takes all of its workers. The result has the same bits for every number.
    random_state : int, RandomState instance or None, default=None
        The seeds of the members are drawn from it. With an int each fit has the same result.

    Attributes
    ----------
    estimators_ : list of estimators
        The fitted members. Each has the bits of the estimator that is fitted alone with the member's `random_state`.
    classes_ : ndarray of shape (n_classes,), or list of K such arrays
        The labels, as those of the members; not there for a regressor.
    n_features_in_ : int
        Number of features in a step; for a 2-D X its number of columns.
    feature_names_in_ : ndarray of shape (I,)
        The names of the columns, if X is a frame or a list of frames with one sequence each.

    See Also
    --------
    SequenceClassifier : One of the models that it takes.

    Notes
    -----
    The members of a deep ensemble differ in their initial weights and in the order of the data, as B. Lakshminarayanan,
    A. Pritzel and C. Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles", NeurIPS
    2017, section 2.4, found to be better than samples of the data (bagging).

    The standard deviation of the members' answers is what the models do not know, as they have not seen enough. It is
    not the noise of the targets: for large data it goes to 0, and the noise stays.

    Examples
    --------
    >>> from fastrnn import SequenceClassifier, SequenceEnsemble
    >>> from fastrnn.datasets import load_japanese_vowels
    >>> X, y = load_japanese_vowels(split="train")
    >>> clf = SequenceClassifier(hidden_size=16, max_iter=10)
    >>> ensemble = SequenceEnsemble(clf, n_members=4, random_state=0).fit(X, y)
    >>> X_test, y_test = load_japanese_vowels(split="test")
    >>> ensemble.score(X_test, y_test) > 0.9
    True
    >>> mean, std = ensemble.predict_proba(X_test, return_std=True)
    >>> mean.shape == std.shape == (370, 9)
    True
    """

    _parameter_constraints = {name: SHARED_CONSTRAINTS[name] for name in ("n_jobs", "random_state")}

    def __init__(self, estimator, n_members=8, *, n_jobs=None, random_state=None):
        self.estimator, self.n_members, self.n_jobs, self.random_state = estimator, n_members, n_jobs, random_state

    def fit(self, X, y=None, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, groups=None,
        static=None, static_val=None):  # fmt: skip
        """Train all members.

        Parameters
        ----------
        X : list of n arrays or frames of shape (T_i, I) or (T_i,), or array of shape (n, T, I) or (n, T)
            The sequences, in any form that the estimator takes.
        y : array-like of shape (n,) or (n, K), or list of n arrays of shape (T_i,)
            What the estimator's `fit` takes: labels or numbers, one for each sequence or one for each step.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        X_val, y_val, sample_weight_val, groups : optional
            What the estimator's `fit` takes to score its epochs: validation data, which all members share, or groups,
            for a `validation_fraction` that is a splitter.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, as for the estimator's `fit`.
        static_val : as static, default=None
            Facts of each sequence of `X_val`.

        Returns
        -------
        self
            The fitted ensemble.

        Raises
        ------
        ValueError
            If a parameter or the input is wrong, or the estimator is of another kind.
        DivergenceError
            If the loss of a member becomes NaN or infinite.

        Warns
        -----
        ConvergenceWarning
            As the estimator's `fit` warns.
        """
        refuse_files(X, IN_MEMORY)
        self._check_parameters()
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=self.n_members).tolist()
        members = [clone(self.estimator).set_params(random_state=seed) for seed in seeds]
        training = _Training()
        given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val, "groups": groups}
        given |= {"static": static, "static_val": static_val}
        jobs = (delayed(training.fitted)(member, X, y, sample_weight, **given) for member in members)
        try:
            return self._take(Parallel(threads.workers(self.n_jobs), prefer="threads")(jobs))
        finally:
            training.end()

    def predict(self, X, return_std=False, *, static=None):
        """Predict from the mean of the members' answers.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        return_std : bool, default=False
            Whether to return how much the members differ, too. This is for regressors; labels have none, but their
            probabilities do: ``predict_proba(X, return_std=True)``.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n,) or (n, K)
            For a classifier the labels with the largest mean probability, for a regressor the mean of the members'
            predictions. With an answer for each step it is an object array of n arrays, as the estimator's `predict`
            returns it. A tagger labels each step by itself, with `crf`, too.
        ndarray of the same shape
            The standard deviation of the members' predictions, if `return_std` is True.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of a network overflow.
        """
        answers, sequences = self._answers(X, static)
        if not hasattr(self, "classes_"):
            return self._mean(answers, sequences, X, return_std)
        if return_std:
            raise ValueError("labels have no standard deviation: predict_proba(X, return_std=True) has that of each")
        return self.estimators_[0]._formed(self._labels(answers), sequences, X)

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X, return_std=False, *, static=None):
        """Predict the probability of each label: the mean of the members' probabilities.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        return_std : bool, default=False
            Whether to return how much the members differ, too.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n, n_classes)
            A row for each sequence, in the order of `classes_`; for a tagger an object array of n arrays (T_i, K), and
            for K columns of classes a list of K arrays.
        ndarray of the same shape
            The standard deviation of the members' probabilities, if `return_std` is True. It is 0 where all members
            agree, and at most 0.5, where half of them are sure of a label and the others are sure that it is wrong.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of a network overflow.
        """
        return self._mean(*self._answers(X, static), X, return_std)

    def score(self, X, y=None, sample_weight=None, *, static=None):
        """Compute the accuracy, or R^2 for a regressor, of the mean's predictions.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        y : array-like of shape (n,), or list of n arrays of shape (T_i,)
            The true labels or targets.
        sample_weight : array-like of shape (n,), default=None
            A weight for each sequence. None gives all the same weight.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        float
            What the estimator's `score` is, of the ensemble.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of a network overflow.
        """
        answers, sequences = self._answers(X, static)
        rows = self._labels(answers) if hasattr(self, "classes_") else np.mean(answers, axis=0)
        one = self.estimators_[0]
        return one._total(*one._compared(rows, sequences, y, sample_weight))

    def _check_parameters(self):
        self._validate_params()
        check_count("n_members", self.n_members)
        check_taken(self, KINDS.values())

    def _take(self, members):
        """Be fitted: have these members, and show what all of them have."""
        show(self, members[0])
        self.estimators_ = members
        return self

    def _answers(self, X, static):
        """The rows of all members' answers, (n_members, rows ...), and the sequences, which are checked but once."""
        refuse_files(X, IN_MEMORY)
        check_is_fitted(self)
        sequences = self.estimators_[0]._checked(X, static)
        outputs = ((member, member._computed(member.network_.predict, sequences)) for member in self.estimators_)
        return np.array([member._answered(rows, sequences) for member, rows in outputs]), sequences

    def _mean(self, answers, sequences, X, return_std):
        """The mean, and the standard deviation if that is wanted, in the form of the estimator's answers."""
        of_all = np.mean(answers, axis=0), np.std(answers, axis=0)
        classes = getattr(self, "classes_", None)
        mean, std = (apart(self.estimators_[0]._formed(rows, sequences, X), classes) for rows in of_all)
        return (mean, std) if return_std else mean

    def _labels(self, answers):
        """The rows' labels, or 0 and 1 where there are several labels a step or sequence."""
        return most_probable(np.mean(answers, axis=0), self.classes_, self.estimators_[0]._is_multilabel)

    def __sklearn_tags__(self):
        tags, own = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in ("estimator_type", "target_tags", "classifier_tags", "regressor_tags", "input_tags"):
            setattr(tags, name, getattr(own, name))
        return tags

    def _record(self):
        check_is_fitted(self)
        self._check_parameters()
        seed = self.random_state if isinstance(self.random_state, Integral) else None
        parameters = {"n_members": self.n_members, "n_jobs": self.n_jobs, "random_state": seed}
        members = [member._record() for member in self.estimators_]
        return {"class": type(self).__name__, "parameters": parameters, "members": members}

    @classmethod
    def _restored(cls, tree):
        parameters = dict.fromkeys(("n_members", "n_jobs", "random_state"), object)
        check(tree, {"class": cls.__name__, "parameters": parameters, "members": list}, "ensemble")
        members = [_member(member) for member in tree["members"]]
        expect(len({(type(m), records.of_data(m)) for m in members}) == 1, "its members are not those of one fit")
        ensemble = cls(clone(members[0]).set_params(random_state=None), **tree["parameters"])
        ensemble._check_parameters()
        return ensemble._take(members)


class _Training:
    """Of members in threads, which an interrupt or another's error ends: a callback.

    A copy that went to another process with a member is asked by nobody; joblib ends these processes.
    """

    _looks = is_over = False

    def __init__(self):
        self.running = set()

    def __call__(self, progress):
        return self.is_over

    def fitted(self, member, *given, **beside):
        """The member, which has learned; None if all is over before it begins."""
        self.running.add(id(member))
        try:
            own = member.callbacks
            member._check_parameters()
            if not self.is_over:
                member.set_params(callbacks=[*(own or ()), self]).fit(*given, **beside)
                return member.set_params(callbacks=own)
        finally:
            self.running.discard(id(member))

    def end(self):
        """Have those that still run end with their epoch, or with those of a moment, and wait for them."""
        self.is_over = True
        while self.running:
            time.sleep(0.01)


def _member(tree):
    check(tree["class"], KINDS.get, "class of a member")
    return KINDS[tree["class"]]._restored(tree)
