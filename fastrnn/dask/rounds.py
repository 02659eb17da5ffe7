"""One model on many workers: rounds, in each of which all partitions compute from the same weights.

What is added is added in the order of the data, so that nothing depends on who computed it, or on how many did.
"""

from concurrent.futures import CancelledError

import numpy as np

from fastrnn.dask.collections import distributed
from fastrnn.dask.shares import Share, sent
from fastrnn.progress import note
from fastrnn.training import Trainer, draw_batches

GOLDEN = (5**0.5 - 1) / 2
"""Whose multiples are spread evenly, whatever their number."""


class Crew:
    """The partitions of a fit, and the client whose workers compute on them.

    Parameters
    ----------
    client : distributed.Client
    parts : list of tuples
        The arguments that each partition's tasks have: futures.
    timeout : float
        Seconds that a round may take.
    """

    def __init__(self, client, parts, timeout):
        self.client, self.parts, self.timeout = client, parts, timeout

    def __reduce__(self):
        return Crew, (None, [], self.timeout)  # the client is the process's

    def submit(self, function, *arguments):
        """A task, by a name of its own."""
        return self.client.submit(function, *arguments, pure=False)

    def each(self, function, *arguments):
        """What a function makes of each partition, after these arguments."""
        return self.answers({p: self.submit(function, *arguments, *part) for p, part in enumerate(self.parts)})

    def of_shares(self, method, *arguments):
        """What a method of `Share` says of each partition."""
        return self.answers({p: self.submit(method, *part, *arguments) for p, part in enumerate(self.parts)})

    def shared(self, make):
        """Let workers hold a `Share` of each partition from now on; `make(place)` has its other arguments."""
        self.parts = [(self.submit(Share, *make(p), *part),) for p, part in enumerate(self.parts)]

    def answers(self, futures):
        """The results of tasks, by the places of their partitions; whatever went wrong is told with the place."""
        try:
            distributed.wait([*futures.values()], timeout=self.timeout)
            for place, future in futures.items():
                if future.status == "error":
                    raise _told(place, future.exception())
            return self.client.gather([*futures.values()])
        except TimeoutError:
            found = f"a round took longer than timeout={self.timeout} s"
            raise TimeoutError(f"{found}: see that workers run ({self.client}), or raise timeout") from None
        except CancelledError:
            lost = ", ".join(str(place) for place, future in futures.items() if future.status in ("cancelled", "lost"))
            advice = "give delayed partitions, a bag or a frame, which Dask can make again"
            found = f"the data of partition {lost} went with a worker, or were cancelled"
            raise RuntimeError(f"{found}: {advice}") from None
        finally:
            if any(not future.done() for future in futures.values()):
                self.client.cancel([*futures.values()])


def _told(place, error):
    """An error, with the partition it comes of."""
    if isinstance(error, (ValueError, TypeError, ArithmeticError, MemoryError)):
        return type(error)(f"partition {place}: {error}")
    return RuntimeError(f"partition {place} cannot be computed: {type(error).__name__}: {error}")


def draw_in_parts(bounds, lengths, batch_size, shuffle, rng):
    """Batches, arrays of numbers, to which each partition gives its part of the sequences.

    Parameters
    ----------
    bounds : ndarray (n_partitions + 1,)
        Where the partitions' numbers begin and end.

    A partition draws its parts as `draw_batches` does; those of small ones, which are not in all batches, are spread.
    """
    n, n_batches = bounds[-1], -(-bounds[-1] // batch_size)
    batches = [[] for _ in range(n_batches)]
    for place, (first, last) in enumerate(zip(bounds, bounds[1:], strict=False)):
        own = draw_batches(lengths[first:last], -(-batch_size * (last - first) // n), shuffle, rng)
        shift = place * GOLDEN % 1
        for k, numbers in enumerate(own):
            batches[int((k + shift) * n_batches / len(own))].append(numbers + first)
    return [np.concatenate(batch) for batch in batches if batch]


class Rounds:
    """The losses of batches, as `fastrnn.training` wants them: each a round, in which partitions give their parts.

    Parameters
    ----------
    crew : Crew
        Whose parts are shares.
    network : Network
        Its weights go out, and its gradient is the sum of those that come back.
    bounds : ndarray (n_partitions + 1,)
    n_a_weight : float
        Sequences for each weight: less than 1 where steps have weights.
    """

    def __init__(self, crew, network, bounds, n_a_weight):
        self._crew, self._network, self._bounds, self._n_a_weight = crew, network, bounds, n_a_weight

    def lay_out(self, batches, epoch):
        """Take these batches from now on."""
        self._batches, self._epoch = batches, epoch

    def __call__(self, k):
        """The loss of batch k."""
        numbers, crew = self._batches[k], self._crew
        weights, factor = crew.submit(sent, self._network.theta.copy()), self._n_a_weight / len(numbers)
        places, tasks = np.searchsorted(self._bounds, numbers, "right") - 1, {}
        for p in np.unique(places).tolist():
            own = numbers[places == p] - self._bounds[p]
            tasks[p] = crew.submit(Share.gradient, *crew.parts[p], weights, own, self._epoch, factor)
        losses, gradients = zip(*crew.answers(tasks), strict=True)
        self._network.gradient[:] = gradients[0]
        for gradient in gradients[1:]:
            self._network.gradient += gradient
        loss = sum(losses[1:], losses[0])
        note(round=f"{k + 1}/{len(self._batches)}", round_loss=f"{loss:.4g}")
        return loss


class LocalTrainer(Trainer):
    """Rounds of steps that each partition takes by itself, and of whose weights the mean is what goes on.

    McMahan et al., Communication-efficient learning of deep networks from decentralized data, 2017.  The optimiser's
    memory is averaged alike.
    """

    def __init__(self, network, settings, rng, crew, bounds, n_steps):
        super().__init__(network, settings, rng)
        self._crew, self._bounds, self._n_steps = crew, bounds, n_steps

    def epoch(self, objective, lengths, epoch, n_epochs, sweeps):
        """One pass over the data; returns the mean loss."""
        s, sizes, o, total = self.settings, np.diff(self._bounds), self.optimizer, 0.0
        plans = [draw_batches(own, min(s.batch_size, len(own)), s.shuffle, self.rng)
                 for own in np.split(lengths, self._bounds[1:-1])]  # fmt: skip
        rates = self.rates(max(map(len, plans)), epoch, n_epochs)
        for first in range(0, len(rates), self._n_steps):
            span, tasks = slice(first, first + self._n_steps), {}
            vectors = self.network.theta, o.first, o.second
            state = self._crew.submit(sent, (*map(np.copy, vectors), o.n_steps))
            for p, plan in enumerate(plans):
                if batches := plan[span]:
                    known = batches, len(self.history.epochs), rates[span][: len(batches)], s
                    tasks[p] = self._crew.submit(Share.advance, *self._crew.parts[p], state, *known)
            states, losses = zip(*self._crew.answers(tasks), strict=True)
            shares = sizes[[*tasks]] / sizes[[*tasks]].sum()
            for mine, *others in zip(vectors, *states, strict=False):
                mine[:] = sum(share * other.astype(np.float64) for share, other in zip(shares, others, strict=True))
            o.n_steps, total = max(state[3] for state in states), total + sum(losses)
            note(round=f"{first // self._n_steps + 1}/{-(-len(rates) // self._n_steps)}")
        if not np.isfinite(self.network.theta).all():
            raise self._diverged("a parameter became NaN or infinite")
        return total / len(lengths)
