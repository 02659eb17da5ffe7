"""The networks of `networks.NetworkCase` in PyTorch. Imported in PyTorch's process alone."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from benchmarks.peers.networks import VECTOR, contender

NO_GOAL = -100
"""What `cross_entropy` passes over."""


def contenders(name, case):
    """Return the step of the case's network; packed and padded where sequences are ragged."""
    if not case.ragged:
        return [_contender(name, case, straight)]
    return [_contender(f"{name} {run.__name__}", case, run) for run in (packed, padded)]


def _contender(name, case, run):
    network = Network(case, run).train()
    network.load_state_dict({key: torch.from_numpy(w.copy()) for key, w in case.weights.items()})

    def step():
        for parameter in network.parameters():
            parameter.grad = None
        loss = network.loss()
        loss.backward()
        return loss

    def loss_and_gradients():
        loss = step().detach().numpy()
        gradients = {key: weight.grad.numpy().copy() for key, weight in network.named_parameters()}
        return {"loss": loss, **gradients}

    return contender(name, step, loss_and_gradients, case)


class Network(nn.Module):
    """The network of a case; ``run`` takes sequences of the batch's lengths through a layer."""

    def __init__(self, case, run):
        super().__init__()
        H, C = case.H, case.directions * case.H
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[case.cell]
        self.case, self.run = case, run
        self.embedding = nn.Embedding(case.V, VECTOR)
        self.recurrent = layer(VECTOR, H, bidirectional=case.directions == 2)
        self.head = nn.Linear(H if case.decodes else C, case.n_outputs)
        if case.decodes:
            n_states = 2 if case.cell == "lstm" else 1
            self.target_embedding = nn.Embedding(case.V, VECTOR)
            self.bridge, self.decoder = nn.Linear(C, n_states * H), layer(VECTOR + C, H)
            self.attention_key, self.attention_joined = nn.Linear(C, H), nn.Linear(H + C, H)
        self.x, self.decoder_x, self.goals = (
            [torch.from_numpy(sequence) for sequence in sequences] for sequences in (case.x, case.decoder_x, case.goals)
        )

    def loss(self):
        """Make the batch; return the mean loss of a label."""
        outputs = self.decoded() if self.case.decodes else self.encoded()[0]
        goals = self._batch(self.goals, NO_GOAL)
        return cross_entropy(self.head(outputs).flatten(0, 1), goals.flatten(), ignore_index=NO_GOAL)

    def _batch(self, sequences, padding=0):
        """Return sequences as (T, B)."""
        if self.case.ragged:
            return pad_sequence(sequences, padding_value=padding)
        return torch.stack(sequences, 1)

    def encoded(self):
        """Return the layer's states (T, B, C), and the sequences' lengths."""
        lengths = torch.tensor([len(sequence) for sequence in self.x])
        x = self.embedding(self._batch(self.x))
        return self.run(self.recurrent, x, lengths), lengths

    def decoded(self):
        """Return the joined rows (M, B, H) of the decoder and what its attention has seen."""
        encoded, lengths = self.encoded()
        H, every = self.case.H, torch.arange(self.case.B)
        context = torch.cat([encoded[lengths - 1, every, :H], encoded[0, :, H:]], 1)
        x = self.target_embedding(self._batch(self.decoder_x))
        x = torch.cat([x, context.expand(len(x), -1, -1)], 2)
        lengths_of_x = torch.tensor([len(sequence) for sequence in self.decoder_x])
        rows = self.run(self.decoder, x, lengths_of_x, self._first_state(context))
        seen = self._attend(rows, encoded, lengths)
        return torch.tanh(self.attention_joined(torch.cat([rows, seen], 2)))

    def _first_state(self, context):
        states = torch.tanh(self.bridge(context)).view(1, self.case.B, -1, self.case.H)
        states = [state.contiguous() for state in states.unbind(2)]
        return tuple(states) if self.case.cell == "lstm" else states[0]

    def _attend(self, rows, encoded, lengths):
        mask = None
        if self.case.ragged:
            mask = (torch.arange(len(encoded)) < lengths[:, None])[:, None]
        by_sequence = (a.transpose(0, 1) for a in (rows, self.attention_key(encoded), encoded))
        return scaled_dot_product_attention(*by_sequence, mask).transpose(0, 1)


def straight(layer, x, lengths, state=None):
    """Run sequences of equal lengths, x (T, B, I), through a layer."""
    return layer(x, state)[0]


def packed(layer, x, lengths, state=None):
    """Run sequences through a layer, packed."""
    rows, _ = layer(pack_padded_sequence(x, lengths, enforce_sorted=False), state)
    return pad_packed_sequence(rows)[0]


def padded(layer, x, lengths, state=None):
    """Run sequences through a layer, padded; the reverse direction reads each from its own end."""
    if not layer.bidirectional:
        return layer(x, state)[0]
    steps, every = torch.arange(len(x))[:, None], torch.arange(x.shape[1])
    mirror = torch.where(steps < lengths, lengths - 1 - steps, steps)
    forwards = one_direction(layer, x, 0)
    backwards = one_direction(layer, x[mirror, every], 1)
    return torch.cat([forwards, backwards[mirror, every]], 2)


def one_direction(layer, x, direction):
    """Run x (T, B, I) through one direction of a layer, as if it were a layer of its own."""
    is_lstm = isinstance(layer, nn.LSTM)
    zeros = x.new_zeros(1, x.shape[1], layer.hidden_size)
    state, function = ((zeros, zeros), torch.lstm) if is_lstm else (zeros, torch.gru)
    weights = layer.all_weights[direction]
    return function(x, state, weights, True, 1, 0.0, layer.training, False, False)[0]
