"""Parameters under the names that other libraries have for them: errors that say the name here."""

from numbers import Integral, Real

from fastrnn.wording import shown

ELSEWHERE = {
    "alpha": "l2 weight_decay", "batch_size": "batch batchsize", "cell": "cell_type model rnn_type", "clip_norm":
    "clipnorm gradient_clip_val max_grad_norm", "context": "context_length input_chunk_length input_size lookback",
    "dropout": "dropout_rate", "embedding_dim": "embed_dim embedding_size", "hidden_size": "hidden_dim hidden_units "
    "hidden_layer_sizes n_hidden n_units num_units units", "horizon": "fh h output_chunk_length prediction_length",
    "learning_rate": "lr_scheduler scheduler", "learning_rate_init": "learning_rate lr", "max_iter": "epochs n_epochs "
    "max_epochs max_steps n_iter num_epochs", "n_iter_no_change": "patience", "n_jobs": "num_threads num_workers",
    "nonlinearity": "activation", "normalize_X": "normalize standardize", "num_layers": "layers n_layers",
    "random_state": "random_seed seed", "readout": "pooling", "season": "season_length sp", "solver": "optimiser "
    "optimizer", "validation_fraction": "validation_split"}  # fmt: skip
"""What parameters are called elsewhere."""
ALL = frozenset(" ".join(ELSEWHERE.values()).split())


def refuse_other_names(kind, given, error):
    """Raise an error if other libraries' names are among the parameters given to this kind of estimator."""
    if not ALL.isdisjoint(given):
        known = kind._get_param_names()
        hints = [f"{other} is called {name}" for name, others in ELSEWHERE.items() if name in known
                 for other in others.split() if other in given and other not in known]  # fmt: skip
        if hints:
            raise error(f"{kind.__name__} has other names for some of these parameters: {', '.join(hints)}")


class Named:
    """Of an estimator, before scikit-learn's base: hints for parameters that it has under another name."""

    def __new__(cls, *_, **parameters):
        refuse_other_names(cls, parameters, TypeError)
        return super().__new__(cls)

    def set_params(self, **params):
        """Set parameters, as for every estimator of scikit-learn.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter. If other libraries have the name, the message says what it is called here.
        """
        refuse_other_names(type(self), params, ValueError)
        return super().set_params(**params)

    def _validate_params(self):
        if isinstance(rate := getattr(self, "learning_rate", None), Real):
            advice = "the rate that it begins with is learning_rate_init"
            raise ValueError(f"learning_rate={shown(rate)} is a number, but must be a schedule, as 'cosine': {advice}")
        super()._validate_params()
        given = self.get_params(deep=False).items()  # integers of NumPy overflow
        vars(self).update({name: int(x) for name, x in given if isinstance(x, Integral) and not isinstance(x, bool)})
