"""One model on many workers: rounds, in each of which all partitions compute from the same weights.

What is added is added in the order of the data, so that nothing depends on who computed it, or on how many did.
"""

from concurrent.futures import CancelledError

import numpy as np

from fastrnn.dask.collections import distributed
from fastrnn.dask.shares import Share, sent, told
from fastrnn.epochs import draw_batches
from fastrnn.progress import note
from fastrnn.training import Trainer

SMALL = 2**22
"""Bytes, of all copies together, up to which weights go out with each task, and not as a task of their own: in half of
the time, but by way of the scheduler.  Of more one copy goes there, and workers give it to each other."""
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
    most : int, optional
        Partitions whose shares are held at once; else all.
    """

    def __init__(self, client, parts, timeout, most=None):
        self.client, self.parts, self.timeout, self.most = client, parts, timeout, most or len(parts)
        self.arguments, self._shares = None, {}  # of a place's `Share`: those before the partition's

    def __reduce__(self):
        return Crew, (None, [], self.timeout)  # the client is the process's

    def submit(self, function, *arguments):
        """A task, by a name of its own."""
        return self.client.submit(function, *arguments, pure=False)

    def copies(self, *vectors):
        """Copies of vectors, as an argument of a task for each partition."""
        values = tuple(map(np.copy, vectors))
        return values if sum(v.nbytes for v in values) * self.most <= SMALL else self.submit(sent, values)

    def each(self, function, *arguments):
        """What a function makes of each partition, after these arguments."""
        return self.answers({p: self.submit(function, *arguments, *part) for p, part in enumerate(self.parts)})

    def of_shares(self, method, *arguments):
        """What a method of `Share` says of each partition."""
        groups = self.groups(range(len(self.parts)))
        return sum((self.answers({p: self.ask(p, method, *arguments) for p in group}) for group in groups), [])

    def groups(self, places):
        """Places, as many together as may have their shares at once."""
        return [places[first : first + self.most] for first in range(0, len(places), self.most)]

    def ask(self, place, method, *arguments):
        """A task: what a method says of a share, which a worker holds until so many others have been asked."""
        if place not in self._shares:
            if len(self._shares) == self.most:
                del self._shares[next(iter(self._shares))]
            self._shares[place] = self.submit(Share, *self.arguments(place), *self.parts[place])
        return self.submit(method, self._shares[place], *arguments)

    def answers(self, futures):
        """The results of tasks, by the places of their partitions; whatever went wrong is told with the place."""
        try:
            distributed.wait([*futures.values()], timeout=self.timeout)
            for place, future in futures.items():
                if future.status == "error":
                    raise told(place, future.exception())
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


def in_groups(crew, shuffle, rng):
    """The places of partitions, as many together as may have their shares at once, in an order of this epoch."""
    n = len(crew.parts)
    return crew.groups(rng.permutation(n) if shuffle and crew.most < n else np.arange(n))


def draw_in_parts(crew, bounds, lengths, batch_size, shuffle, rng):
    """Batches, arrays of numbers, to which each partition of a group gives its part of the sequences.

    Parameters
    ----------
    crew : Crew
    bounds : ndarray (n_partitions + 1,)
        Where the partitions' numbers begin and end.

    A partition draws its parts as `draw_batches` does; those of small ones, which are not in all batches, are spread.
    """
    drawn = []
    for group in in_groups(crew, shuffle, rng):
        n = np.diff(bounds)[group].sum()
        batches = [[] for _ in range(-(-n // batch_size))]
        for place in group.tolist():
            first, last = bounds[place : place + 2]
            own = draw_batches(lengths[first:last], -(-batch_size * (last - first) // n), shuffle, rng)
            shift = place * GOLDEN % 1
            for k, numbers in enumerate(own):
                batches[int((k + shift) * len(batches) / len(own))].append(numbers + first)
        drawn += [np.concatenate(batch) for batch in batches if batch]
    return drawn


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
        self._crew, self._network, self._bounds, self.n_a_weight = crew, network, bounds, n_a_weight

    def lay_out(self, batches, epoch):
        """Take these batches from now on."""
        self._batches, self._epoch = batches, epoch

    def __call__(self, k):
        """The loss of batch k."""
        numbers, crew = self._batches[k], self._crew
        weights, factor = crew.copies(self._network.theta), self.n_a_weight / len(numbers)
        places, answers = np.searchsorted(self._bounds, numbers, "right") - 1, []
        for group in crew.groups(np.unique(places).tolist()):  # of lbfgs's batch, which has all; else there is one
            own = {p: numbers[places == p] - self._bounds[p] for p in group}
            asked = {p: crew.ask(p, Share.gradient, weights, own[p], self._epoch, factor) for p in group}
            answers += crew.answers(asked)
        loss, self._network.gradient[:] = (sum(others, one) for one, *others in zip(*answers, strict=True))
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
        s, sizes, total, plans = self.settings, np.diff(self._bounds), 0.0, {}
        groups = [group.tolist() for group in in_groups(self._crew, s.shuffle, self.rng)]
        for p, own in enumerate(np.split(lengths, self._bounds[1:-1])):
            # Its share of a batch, as in synchronous rounds: there are as many steps.
            n = sizes[next(group for group in groups if p in group)].sum()
            plans[p] = draw_batches(own, -(-s.batch_size * len(own) // n), s.shuffle, self.rng)
        rates = self.rates(sum(max(len(plans[p]) for p in group) for group in groups), epoch, n_epochs)
        for group in groups:
            n = max(len(plans[p]) for p in group)
            own, rates = rates[:n], rates[n:]
            for first in range(0, n, self._n_steps):
                span = slice(first, first + self._n_steps)
                batches = {p: plans[p][span] for p in group if plans[p][span]}
                total += self._round(batches, own[span], objective.n_a_weight)
                note(round=f"{first // self._n_steps + 1}/{-(-n // self._n_steps)}")
        self._check_finite()
        return total / len(lengths)

    def _round(self, plans, rates, n_a_weight):
        """Let partitions take steps, of which plans by place have the batches; returns the sum of losses."""
        crew, o, sizes, tasks = self._crew, self.optimizer, np.diff(self._bounds)[[*plans]], {}
        vectors, shares = (self.network.theta, o.first, o.second), sizes / sizes.sum()
        state = crew.copies(*vectors)
        for p, batches in plans.items():
            known = len(self.history.epochs), rates[: len(batches)], self.settings
            tasks[p] = crew.ask(p, Share.advance, state, o.n_steps, batches, n_a_weight, *known)
        states, losses = zip(*crew.answers(tasks), strict=True)
        for mine, *others in zip(vectors, *states, strict=True):
            mine[:] = sum(share * other.astype(np.float64) for share, other in zip(shares, others, strict=True))
        o.n_steps += max(len(batches) for batches in plans.values())
        return sum(losses)
