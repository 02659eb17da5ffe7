"""Names that other libraries have for parameters: errors that say the name here, and nothing that costs or breaks."""

import copy
import inspect
import pickle
import subprocess
import sys

import pytest
from samples import TESTS, labelled
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import fastrnn
from fastrnn import SequenceClassifier, SequenceForecaster
from fastrnn.base.naming import ALL, ELSEWHERE
from fastrnn.online import OnlineClassifier, OnlineRegressor

ESTIMATORS = [getattr(fastrnn, name) for name in fastrnn.__all__ if name.startswith(("Sequence", "Vector"))]
ESTIMATORS.remove(fastrnn.SequenceEnsemble)
ESTIMATORS += [OnlineClassifier, OnlineRegressor]


@pytest.mark.parametrize(
    "other, name",
    [
        ("epochs", "max_iter"), ("n_epochs", "max_iter"), ("lr", "learning_rate_init"), ("units", "hidden_size"),
        ("n_hidden", "hidden_size"), ("num_units", "hidden_size"), ("hidden_layer_sizes", "hidden_size"),
        ("batch", "batch_size"), ("optimizer", "solver"), ("layers", "num_layers"), ("patience", "n_iter_no_change"),
        ("l2", "alpha"), ("weight_decay", "alpha"), ("seed", "random_state"), ("activation", "nonlinearity"),
    ],
)  # fmt: skip
def test_a_name_of_another_library(other, name):
    match = f"{other} is called {name}"
    with pytest.raises(TypeError, match=match):
        SequenceClassifier(**{other: 3})
    with pytest.raises(ValueError, match=match):
        SequenceClassifier().set_params(**{other: 3})
    with pytest.raises(ValueError, match=match):
        make_pipeline(SequenceClassifier()).set_params(**{f"sequenceclassifier__{other}": 3})


def test_all_are_said_at_once():
    with pytest.raises(TypeError, match="SequenceClassifier.*units is called hidden_size.*lr is.*epochs is called"):
        SequenceClassifier(cell="gru", epochs=10, lr=1e-3, units=32)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_hints_are_of_parameters_that_there_are(estimator):
    names = set(inspect.signature(estimator).parameters)
    for name, others in ELSEWHERE.items():
        for other in others.split():
            if other in names:
                estimator(**{other: None})
                continue
            with pytest.raises(TypeError) as caught:
                estimator(**{other: None})
            assert (f"{other} is called {name}" in str(caught.value)) == (name in names)


def test_every_name_is_somewhere_a_parameter():
    assert set(ELSEWHERE) <= {name for estimator in ESTIMATORS for name in inspect.signature(estimator).parameters}
    assert len(ALL) == sum(len(others.split()) for others in ELSEWHERE.values())  # no name has two meanings


def test_an_online_learner_has_a_rate_and_no_schedule():
    with pytest.raises(TypeError, match="learning_rate is called learning_rate_init"):
        OnlineClassifier(learning_rate=0.1)


@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceForecaster], ids=lambda e: e.__name__)
def test_a_rate_where_a_schedule_is_expected(estimator):
    model = estimator(learning_rate=0.001)
    with pytest.raises(ValueError, match=r"learning_rate=0.001 is a number.*as 'cosine'.*learning_rate_init"):
        model.fit(*labelled(10)) if estimator is SequenceClassifier else model.fit(range(60))


@pytest.mark.parametrize("name", ["hiddensize", "foo"])
def test_an_unknown_name_is_pythons_business(name):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        SequenceClassifier(**{name: 3})
    with pytest.raises(ValueError, match=f"Invalid parameter '{name}'"):
        SequenceClassifier().set_params(**{name: 3})


def test_a_search_over_a_name_of_another_library():
    search = GridSearchCV(SequenceClassifier(), {"epochs": [1, 2]}, cv=2)
    with pytest.raises(ValueError, match="epochs is called max_iter"):
        search.fit(*labelled(10, n_classes=2))


class Mine(SequenceClassifier):
    """With parameters of its own, one of which others call so."""

    def __init__(self, *, epochs=5, hidden_size=4):
        super().__init__(max_iter=epochs, hidden_size=hidden_size)
        self.epochs = epochs


def test_a_subclass_may_have_such_a_name():
    model = Mine(epochs=3)
    assert clone(model).fit(*labelled(20)).predict(labelled(20)[0]).shape == (20,)
    assert clone(model).epochs == 3 and model.set_params(epochs=4).epochs == 4
    with pytest.raises(TypeError, match="units is called hidden_size"):
        Mine(units=3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_signatures_copies_and_pickles_are_as_ever(estimator):
    model = estimator(hidden_size=5)
    assert "hidden_size" in inspect.signature(estimator).parameters
    assert "parameters" not in inspect.signature(estimator).parameters
    for again in (clone(model), copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert type(again) is estimator and again.get_params() == model.get_params()
    with pytest.raises(TypeError):
        estimator("gru")


def test_help_shows_the_parameters():
    code = "import fastrnn; help(fastrnn.SequenceClassifier)"
    done = subprocess.run([sys.executable, "-c", code], cwd=TESTS.parent, capture_output=True, text=True, check=True)
    assert "class SequenceClassifier(" in done.stdout and "cell='gru', hidden_size='auto'" in done.stdout
