"""The network of most estimators: encoder, readout and dense head."""

import numpy as np

from fastrnn.kernels import holes
from fastrnn.kernels.rows import OVERFLOW, refuse, spread_columns, take_step
from fastrnn.kernels.vectors import padded
from fastrnn.layers.feedforward import Dense
from fastrnn.layers.readouts import LAST, make_readout
from fastrnn.layers.stack import NO_DROPOUT, Dropout
from fastrnn.layers.static import FirstStates, put_beside
from fastrnn.network.parts import Network, portions, stored
from fastrnn.network.training import BACK, add_loss
from fastrnn.packing import OneStep, Rows, Shards, gathered
from fastrnn.programs import Pass
from fastrnn.sequences import Sequences


class SequenceNetwork(Network):
    """Encoder, readout, dense head.

    Parameters
    ----------
    encoder : Encoder
    n_outputs : int
    readout : {"last", "mean", "max", "concat", "attention"} or None
        None leaves a row of outputs for each step.
    n_steps : int or None
        The length of every sequence, for "concat".
    rng : RandomState
        For the initial parameters.
    chain : LinearChain, optional
        Scores of transitions between the labels of neighbouring steps, trained with the rest.
    dropout : float
        On the vectors of tokens, between the levels of the stack, and before the head.
    n_facts : int
        Numbers that are known of each sequence, F, given as "static": they make the first states, and the head reads
        them behind all else.

    Attributes
    ----------
    n_features : int
        What the head reads of a sequence, or step.
    """

    static = None
    """What makes the first states, of networks with facts."""

    def __init__(self, encoder, n_outputs, readout, n_steps, rng, chain=None, dropout=0.0, n_facts=0):
        self.n_steps, self.chain = n_steps, chain
        self.readout = None if readout is None else make_readout(readout, encoder.recurrent, n_steps)
        pooling = {} if readout is None else self.readout.parts
        n_read = encoder.recurrent.output_size * (n_steps if readout == "concat" else 1)
        self.n_features = n_read + n_facts
        self.head = Dense(self.n_features, n_outputs, encoder.recurrent.dtype)
        self._stacks = [encoder.recurrent]
        self.work = encoder.recurrent.work + self.n_features * n_outputs
        chains, facts = {} if chain is None else {"chain": chain}, {}
        if n_facts:
            facts["static"] = self.static = FirstStates(n_facts, encoder.recurrent)
        super().__init__({**encoder.parts, **pooling, **facts, "head": self.head, **chains}, rng, encoder, dropout)
        if n_facts and rng is not None:
            self.head.parameters["weight"][:, n_read:] = 0  # as the first states, which begin without them

    def shards(self, p, sequences, batches, inputs=None):
        """The sequences of these numbers, batch by batch, as `Shards` that a program takes."""
        shards = Shards(sequences.lengths, batches, self.encoder.recurrent.hidden_size, p.is_whole)
        if sequences.are_words:
            shards.deal_words(sequences)
        return shards

    @property
    def n_pooled(self):
        """Numbers of a sequence that a stream keeps for the readout, if it keeps any."""
        return self.encoder.recurrent.output_size + (0 if self.readout is None else self.readout.n_more)

    # ------------------------------------------------------------------------------------------------- programs

    def step(self, n, has_holes, fill=None, *numbers):
        """The program of `_step`."""
        return self.program(self._step, n, has_holes, fill, *numbers, sharing=(False, False))

    def at_each_step(self):
        """This network without its readout, over the same weights: outputs (S, K), as if each step were the last."""
        return self.kept("at each step", self._without_readout)

    def _without_readout(self):
        other = object.__new__(type(self))
        vars(other).update(vars(self), readout=None, _programs={})
        return other

    def _facts(self, p, rows):
        """Add the calls to the sequences' facts (B, F), by place, if there are any."""
        return None if self.static is None else gathered(p, "static", rows.numbers, self.static.input_size)

    def _features(self, p, rows, dropout=NO_DROPOUT, keep=False, initial=None, final=None):
        """Add the calls to what the head reads, (B, F) by place or (S, F), and what the way back needs."""
        facts, memory = self._facts(p, rows), None
        if facts is not None:
            rows.streams, initial = rows.twins, self.static.forward(p, facts)  # they lie by place
        x, kept = self.encoder.forward(p, rows, dropout, keep, initial, final)
        if self.readout is not None:
            x, memory = self.readout.forward(p, x, rows, self.encoder.recurrent.n_directions)
        x = dropout.forward(p, x, 0, rows)
        if facts is not None:
            x = put_beside(p, x, facts, rows.places if self.readout is None else None)
        return x, (kept, memory, facts, initial)

    def _backward(self, p, kept, d_x, rows, dropout=NO_DROPOUT, bptt_steps=0):
        """Add the calls from what the head reads to the gradients of all below it."""
        (kept, memory, facts, initial), stack, d_states = kept, self.encoder.recurrent, None
        d_x = dropout.backward(p, d_x, 0, rows)
        if self.readout is not None:
            d_x = self.readout.backward(p, d_x, memory, rows, stack.n_directions, stack.output_size)
        if facts is not None:
            d_states = p.room(*initial.shape)
        self.encoder.backward(p, kept, d_x, rows, dropout, bptt_steps, d_states)
        if facts is not None:
            self.static.backward(p, facts, d_states)

    def _training(self, p, loss, width, rate, is_frozen, bptt_steps, n_streams, is_computed):
        """From stored steps to the loss, and back to all gradients but a frozen table's or a frozen encoder's."""
        rows, dropout, state = Rows(p), Dropout.of(p, rate), None
        if n_streams is not None:
            state = p.given("state", p.dtype, 3)
            rows.streams = gathered(p, "streams", rows.numbers, None)
        x, kept = self._features(p, rows, dropout, True, state, state)
        outputs, K = self.head.forward(p, x), self.head.output_size
        picked = rows.rows if self.readout is None else rows.numbers
        d_outputs = add_loss(p, self.chain or loss, outputs, K, width, picked, rows, is_computed)
        d_x = self.head.backward(p, x, d_outputs)
        if is_frozen != "encoder":
            self._backward(p, kept, d_x, rows, dropout, bptt_steps)

    def _gradients(self, p):
        """From stored steps to what the head reads, and back from "d_outputs" to the steps' gradients, "d_values"."""
        rows, stack = Rows(p), self.encoder.recurrent
        x, (kept, memory, *_) = self._features(p, rows, keep=True)
        picked = rows.rows if self.readout is None else rows.numbers
        d_outputs = gathered(p, "d_outputs", picked, padded(self.head.output_size, p.dtype), stage="backward")
        d_x = self.head.backward(p, x, d_outputs)
        if self.readout is not None:
            d_x = self.readout.backward(p, d_x, memory, rows, stack.n_directions, stack.output_size)
        d_x = stack.backward(p, kept[1], d_x, rows)
        d_values = p.given("d_values", p.dtype, 2)
        p.call(spread_columns, d_values, rows.rows, d_x, 0, stack.input_size, stage="backward")

    def _inference(self, p, what, reads_states, leaves_states):
        """From stored steps to vectors, features, outputs, or those at last steps, given as "out" by number or step."""
        rows = Rows(p)
        initial = p.given("initial", p.dtype, 3) if reads_states else None
        final = p.given("final", p.dtype, 3) if leaves_states else None
        if what == "vectors":
            x, _ = self.embedding.forward(p, rows)
        else:
            x, (_, memory, *_) = self._features(p, rows, initial=initial, final=final)
        if what == "weights":
            x = memory[2]
        if what == "last":
            x, _ = LAST.forward(p, x, rows, 1)
        width = x.shape[1]
        if what in ("outputs", "last"):
            x, width = self.head.forward(p, x), self.head.output_size
        picked = rows.rows if self._is_by_step(what) else rows.numbers
        p.call(spread_columns, p.given("out", p.dtype, 2), picked, x, 0, width)

    def _step(self, p, n, has_holes, fill, *numbers):
        """Of n sequences side by side: from a step "given" (n, I) to outputs (n, K), "out", and what is "said" of them.

        A step that has holes is read as `fastrnn.holes.Holes` say, after "seen" and "time".

        `fill` and `numbers` are a kernel that says it, and its last arguments; None for a float64 array (K,), which is
        given.  A chain has its own.
        """
        K, stack = self.head.output_size, self.encoder.recurrent
        x, rows, states = p.room(n, self.encoder.input_size), OneStep(p, n), p.given("state", p.dtype, 3)
        count, status = (p.given(name, np.int64, 1) for name in ("count", "status"))
        unit, given = [p.given(name, np.float64, 1) for name in ("mean", "scale")], p.given("given", np.float64, 2)
        if has_holes:
            before, clock = (p.given("seen", p.dtype, 2), p.given("time", np.float64, 1)), p.given("clock")
            how = p.given("n_carried"), p.given("flagged", np.int64, 1), p.given("has_ages")
            p.call(holes.take_step, x, *before, given, clock, *unit, *how, count, status)
        else:
            p.call(take_step, x, given, *unit, count, status)
        x, gamma, _ = self.encoder.of_numbers(p, x)
        x, _ = stack.forward(p, x, rows, states, final=states, gamma=gamma)
        if self.readout is not None:
            x = self.readout.running(p, x, rows, count)
        if (facts := self._facts(p, rows)) is not None:
            x = put_beside(p, x, facts, None)
        out, said = p.given("out", p.dtype, 2), p.given("said", np.float64, 2)
        p.call(spread_columns, out, rows.numbers, self.head.forward(p, x), 0, K)
        p.call(refuse, out, status, OVERFLOW)
        if self.chain is not None:
            self.chain.running(p, said, out, count)
        else:
            more = [p.given(f"constant {k}", np.float64, 1) if m is None else m for k, m in enumerate(numbers)]
            p.call(fill, said, out, *more)
        p.call(refuse, said, status, OVERFLOW)

    def _is_by_step(self, what):
        return what in ("vectors", "weights") or (self.readout is None and what != "last")

    # ------------------------------------------------------------------------------------------------- passes

    @staticmethod
    def given(sequences, inputs=None):
        """What a pass reads of sequences."""
        return stored(sequences)

    def _run(self, what, sequences, state=None, leaves_states=False):
        """What a program of `_inference` leaves: rows, and the states after each sequence or None."""
        n = len(sequences)
        p = self.program(self._inference, what, state is not None, leaves_states, sharing=self.sharing(n))
        widths = {"vectors": self.encoder.recurrent.input_size, "features": self.n_features, "weights": 1}
        width = widths.get(what, self.head.output_size)
        n_rows = len(sequences.values) if self._is_by_step(what) else n
        make = np.zeros if what == "weights" else np.empty  # of patches there are fewer
        out, shards = make((n_rows, width), self.theta.dtype), self.shards(p, sequences, portions(n))
        states = self.encoder.recurrent.zero_states(n) if leaves_states else None
        assert state is None or np.shape(state) == np.shape(states), f"states of shape {np.shape(state)} for {n}"
        given = {"out": out, "initial": state, "final": states, **stored(sequences), **shards.given}
        Pass(p, shards, self.work, **given).run(is_prepared=True)
        return out, states

    def vectors(self, tokens):
        """What the stack reads of tokens (n,), or words and their characters (n, 1 + L), each by itself (n, .)."""
        if tokens.ndim == 1:
            return self.embedding.parameters.stored("weight")[tokens]
        return self._run("vectors", Sequences(tokens, np.arange(len(tokens) + 1)))[0]

    def predict(self, sequences):
        """Outputs (n, K), or without a readout (S, K), ordered as the steps are stored."""
        return self._mean("outputs", sequences)

    def extract(self, sequences):
        """What the head reads, (n, F), or without a readout (S, F), ordered as the steps are stored."""
        return self._mean("features", sequences)

    def _mean(self, what, sequences):
        """Over all views of the sequences."""
        found = [self._run(what, view)[0] for view in sequences.views()]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def attention_weights(self, sequences):
        """With the readout "attention": how much each step counts (S,); steps of a patch share its weight alike."""
        share = np.full(sequences.stride, 1 / sequences.stride, self.theta.dtype)
        found = [np.convolve(self._run("weights", view)[0][:, 0], share) for view in sequences.views()]
        return np.mean(found, axis=0)[: len(sequences.values)]

    def gradients(self, sequences, d_outputs):
        """The gradient in stored steps (S, I), of numbers, from that in the outputs of `predict`, (n, K) or (S, K).

        It adds to the gradients of the parameters.
        """
        p, K = self.program(self._gradients, sharing=self.sharing(len(sequences))), self.head.output_size
        given, found = np.zeros((len(d_outputs), padded(K, self.theta.dtype)), self.theta.dtype), []
        given[:, :K] = d_outputs
        for view in sequences.views():
            found.append(np.zeros((len(view.values), view.width), self.theta.dtype))
            shards = self.shards(p, view, portions(len(view)))
            own = {"d_outputs": given, "d_values": found[-1], **stored(view), **shards.given}
            Pass(p, shards, BACK * self.work, ("forward", "backward"), **own).run(is_prepared=True)
        return np.mean(found, axis=0, dtype=np.float64)

    def read(self, sequences, state=None):
        """The outputs as `predict`, and the recurrent states (num_layers * D, n, H) after the last steps."""
        return self._run("outputs", sequences, state, True)

    def predict_last(self, sequences):
        """Without a readout: the outputs (n, K) at each sequence's last step, and the recurrent states after it."""
        return self._run("last", sequences, None, True)
