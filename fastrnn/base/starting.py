"""Networks that start from what others have learned: their encoders, and the units in which these read X."""

import numpy as np

from fastrnn.wording import shown

UNLESS_SAID = {"missing": "error", "time_column": None, "proj_size": 0, "character_embedding_dim": None}
"""Parameters that some estimators do not have, and how these read X."""
OF_AN_ENCODER = (
    "cell", "hidden_size", "num_layers", "nonlinearity", "bias", "embedding_dim", "character_hidden_size", "dtype",
    *UNLESS_SAID)  # fmt: skip
"""Parameters that both must have alike; the direction is looked at beside them."""


def sources_of(init_from):
    """The fitted estimators to start from: none, one, or one for each direction; of a Pipeline its last step.

    Raises
    ------
    ValueError
        If one is not fitted, or has no encoder.
    """
    given = init_from if isinstance(init_from, (list, tuple)) and init_from else [init_from] * (init_from is not None)
    found = [_model_in(source) for source in given]
    for source in found:
        if not hasattr(source, "_shape") or source.network_.encoder is None:
            what = f"init_from holds {shown(source)}, which is not fitted or has no encoder"
            raise ValueError(f"{what}: give a fitted estimator of this library that reads sequences")
    if len(found) > 2 or len(found) == 2 and any(_directions(source) == 2 for source in found):
        what = f"init_from is a list of {len(found)}"
        raise ValueError(f"{what}: give one estimator, or two with bidirectional=False, the second for the way back")
    return found


def _model_in(source):
    """Of a Pipeline its last step, of what only holds a model that model."""
    from sklearn.frozen import FrozenEstimator

    if isinstance(source, FrozenEstimator):
        inner = source.estimator
    else:
        inner = source[-1] if hasattr(source, "steps") else getattr(source, "estimator_", None)
    return source if inner is None else _model_in(inner)


def _directions(source):
    return source.network_.encoder.recurrent.n_directions


def check_alike(estimator, sources):
    """What is taken over must be what the estimator's own network has room for."""
    mine = {**UNLESS_SAID, **estimator.get_params(deep=False), **estimator._shape}
    for source in sources:
        its = {**UNLESS_SAID, **source.get_params(deep=False), **source._shape}
        if its.get("categorical_features") is not None or mine.get("categorical_features") is not None:
            raise ValueError("init_from does not take over the vectors of categories: leave categorical_features out")
        for name in (*OF_AN_ENCODER, "normalize_X") if estimator._reads_numbers() else OF_AN_ENCODER:
            if name in mine and name in its and mine[name] != its[name]:
                found = f"init_from has {name}={its[name]!r}, but this estimator has {name}={mine[name]!r}"
                raise ValueError(f"{found}: set it to that")
        columns = [getattr(model, "feature_names_in_", None) for model in (source, estimator)]
        if all(names is not None for names in columns) and [*columns[0]] != [*columns[1]]:
            found = f"init_from was fitted on the columns {shown([*columns[0]], 200)}"
            raise ValueError(f"{found}, but X has {shown([*columns[1]], 200)}: give the same, in that order")
        if _directions(source) == 2 != 2 * mine["bidirectional"] or len(sources) == 2 != 2 * mine["bidirectional"]:
            raise ValueError("init_from has both directions, but bidirectional=False: set bidirectional=True")
        if _directions(source) == 1 and mine["bidirectional"] and mine["num_layers"] > 1:
            what = f"init_from reads forwards alone, but with bidirectional=True and num_layers={mine['num_layers']}"
            advice = "set bidirectional=False, or fit it with num_layers=1"
            raise ValueError(f"{what} upper layers read both directions: {advice}")


def take_over(network, sources):
    """Let a network's encoder have the weights of others; the second one's are those of the way back.

    A table may have more rows than theirs; further ones stay as they are.
    """
    known = {}  # rows that are taken over
    for source, suffix in zip(sources, ("", "_reverse"), strict=False):
        for name, part in source.network_.encoder.parts.items():
            mine, its = network.encoder.parts[name].parameters, part.parameters
            for key in its:
                place = name, key + suffix * (name == "recurrent")
                own, n = mine[place[1]], min(known.get(place, 0), len(its[key]))
                if n and not np.array_equal(own[:n], its[key][:n]):
                    what = f"the two estimators in init_from have other vectors ({name})"
                    advice = "fit the second with embeddings= those of the first, and freeze_embeddings=True"
                    raise ValueError(f"{what}: {advice}")
                own[n : len(its[key])] = its[key][n:]
                known[place] = max(n, len(its[key]))
    network.changed()
