"""Classes and their weights, and how labels of sequences, one each or several, become targets and answers."""

from functools import partial

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.utils import assert_all_finite, column_or_1d

from fastrnn import storage
from fastrnn.base import labels
from fastrnn.base.files import by_file
from fastrnn.losses.answers import logistic_answer, softmax_answer
from fastrnn.losses.loss import binary_cross_entropy, cross_entropies, cross_entropy, smoothed, softened
from fastrnn.wording import shown


class Classes:
    """What estimators of labels note of them; `_is_multilabel` says whether y holds rows of 0 and 1."""

    @property
    def _class_lists(self):
        """The classes of each column of y."""
        if self._is_multilabel:
            return [labels.FLAGS] * len(self.classes_)
        return self.classes_ if isinstance(self.classes_, list) else [self.classes_]

    def _class_weights(self, y):
        """What `class_weight` gives each of the labels (n,), or rows of several (n, K): the product, as of trees."""
        given, columns = self.class_weight, labels.columns_of(y)
        if given is None:
            return np.ones(len(y))
        if self._is_multilabel:
            why = "y holds rows of 0 and 1, of which each has several: leave it out, or give sample_weight"
            raise ValueError(f"class_weight={shown(given)} weighs a sequence by its class, but {why}")
        each = given if isinstance(given, list) else [given] * (len(columns) if given == "balanced" else 1)
        if len(each) != len(columns) or not all(isinstance(one, dict) or one == "balanced" for one in each):
            expected = "'balanced', a dict for one column, or a list of a dict for each"
            raise ValueError(f"class_weight={shown(given)}, and y has {len(columns)} columns; expected {expected}")
        codes = [*map(np.searchsorted, self._class_lists, columns)]
        found = [*map(self._weights_of_classes, each, self._class_lists, codes)]
        self._weighed = [dict(zip(own.tolist(), w.tolist(), strict=True))
                         for own, w in zip(self._class_lists, found, strict=True)]  # fmt: skip
        return np.prod([own[places] for own, places in zip(found, codes, strict=True)], axis=0)

    def _for_validation(self):
        """Validation data have the weights of classes that the training data gave."""
        other = super()._for_validation()
        if getattr(self, "class_weight", None) is not None:
            other.class_weight = self._weighed
        return other

    def _weights_of_classes(self, given, classes, codes):
        """The weights (n_classes,) of the classes of a column of y, of which these are the codes (n,)."""
        own = classes.tolist()
        if given == "balanced":
            counts = self._agreed(np.bincount(codes, minlength=len(own)), sum)
            return counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
        # Weights of all classes may name more: a fold can be without a rare one.
        if (unknown := [label for label in given if label not in own]) and not given.keys() >= {*own}:
            raise ValueError(f"class_weight names {shown(unknown)}, but the classes are {shown(own, 200)}")
        of_classes = np.array([given.get(label, 1.0) for label in own], np.float64)
        if not (np.isfinite(of_classes) & (of_classes >= 0)).all():
            raise ValueError(f"class_weight={shown(given)}; weights must be finite numbers >= 0")
        return of_classes

    def _check_same_classes(self, classes):
        """What a later partial_fit is told of classes must be what the first one was."""
        given = self._class_lists if classes is None else labels.known_classes(classes, len(self._class_lists))
        if not all(map(np.array_equal, map(np.unique, given), self._class_lists)):
            known = shown(self.classes_, 200)
            raise ValueError(f"classes={shown(classes)} are not those of the first call, {known}; leave classes out")


class LabelsOfSequences(Classes):
    """Of a sequence a label, or several: rows of 0 and 1 have a logistic output each, columns of classes a softmax."""

    @by_file
    def predict_log_proba(self, X, *, static=None):
        """Predict the logarithm of each class's probability.

        It is exact even where the probability itself is too small for a floating-point number.

        Parameters
        ----------
        X : list of n arrays or frames, or array
            The sequences, in the form that `fit` takes. They may have other lengths if `fit` read a list.
        static : array-like or frame of shape (n, F), default=None
            Facts of each sequence, with the columns that `fit` had. It needs them if `fit` had any.

        Returns
        -------
        ndarray of shape (n, n_classes), or list of K such arrays
            The logarithms of what `predict_proba` returns.

        Raises
        ------
        NotFittedError
            If `fit` was not called before.
        ValueError
            If the input is wrong, or if it makes the outputs of the network overflow.
        """
        outputs = self._outputs(X, static)[0].astype(np.float64)
        if self._is_multilabel:
            return log_expit(outputs)
        if outputs.shape[1] == 1:
            return np.hstack([log_expit(-outputs), log_expit(outputs)])
        if isinstance(self.classes_, list):
            return [log_softmax(part, axis=1) for part in labels.apart(outputs, self.classes_)]
        return log_softmax(outputs, axis=1)

    def _aims(self, codes):
        """How many outputs there are, their loss, and its targets."""
        sizes, share = [*map(len, self._class_lists)], self.label_smoothing
        if self._is_multilabel or sizes == [2]:
            return len(sizes), binary_cross_entropy, softened(codes.astype(self.dtype), share)
        if len(sizes) == 1:
            return sizes[0], smoothed(cross_entropy, share), codes[:, 0]
        targets = (codes + np.cumsum([0, *sizes[:-1]])).astype(self.dtype)
        return sum(sizes), smoothed(cross_entropies(sizes), share), targets

    def _set_classes(self, y, classes):
        known = None
        if classes is not None:
            known = [self._check_y(own, "classes") for own in labels.known_classes(classes, len(labels.columns_of(y)))]
        columns = labels.classes_of(y, known, self._agreed)
        self._is_multilabel = len(columns) > 1 and all(own is labels.FLAGS for own in columns)
        self.classes_ = np.arange(len(columns)) if self._is_multilabel else columns if len(columns) > 1 else columns[0]

    def _check_y(self, y, name="y"):
        labels.check_given(self, y, "a list of labels, one for each sequence", name)
        ways = "SequenceTagger takes a label for each step, and MultiLabelBinarizer makes rows of 0 and 1 of sets"
        labels.refuse_steps(labels.as_values(y), ways, name)
        y = labels.as_labels(y, name)
        if y.ndim > 2 or 0 in y.shape[1:]:
            expected = "expected a label for each sequence, (n,), or several, (n, K)"
            raise ValueError(f"{name} has shape {y.shape}; {expected}")
        if y.ndim < 2 or y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name=name)
        labels.check_classes(y, "SequenceRegressor")
        return y

    def _rules(self, n_outputs):
        if self._is_multilabel:
            return {"_is_multilabel": True, "classes_": storage.places(n_outputs)}
        if isinstance(self.classes_, list):
            return {"classes_": storage.label_lists(n_outputs)}
        return {"classes_": storage.labels({1: 2, 2: 0}.get(n_outputs, n_outputs))}

    @property
    def _answer(self):
        if self._is_multilabel:
            return logistic_answer
        is_one = not isinstance(self.classes_, list)
        return softmax_answer if is_one else partial(softmax_answer, sizes=[*map(len, self.classes_)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
