"""Of estimators that take another one, as ensembles do: which one that may be, and what they show of it."""

SHOWN = "classes_", "n_features_in_", "feature_names_in_", "n_static_features_in_", "static_feature_names_in_"
"""Attributes of a fitted model that whoever took it has as well."""


def check_taken(estimator, kinds):
    """What an estimator took must be of just one of these classes: of others a file could not say what they are."""
    if type(estimator.estimator) not in kinds:
        names = ", ".join(kind.__name__ for kind in kinds)
        found = f"{type(estimator).__name__} takes {names}, not {estimator.estimator!r:.80}"
        raise ValueError(f"{found}; in a Pipeline let it be the last step")


def show(estimator, model):
    """Let an estimator have the attributes of the model that it took, fitted now, and none of an earlier fit."""
    for name in SHOWN:
        vars(estimator).pop(name, None)
    vars(estimator).update({name: getattr(model, name) for name in SHOWN if hasattr(model, name)})
