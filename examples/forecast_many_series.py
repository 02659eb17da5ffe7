"""Sales of many products: what is known beside them, and what that is worth.

The sales are made up, so that the truth is known: a weekly season; promotions, known ahead, by which products of one
kind sell a third more, those of the other two and a half times as many; and yesterday's visitors, who come back
and are known only when their day is over.  One model learns all products.

Each of the three should lower the error: promotions most, then the kind, and visitors a little, for they tell
something of the first day alone.  A forecast by the true rule misses what nobody can know.
"""

import argparse

import numpy as np

from fastrnn import SequenceForecaster
from fastrnn.metrics import seasonal_naive

DAYS, HORIZON = 200, 7


def make_sales(n, rng):
    """Sales (n, DAYS), promotions, visitors, kinds (n,), and sales as far as anyone can know them."""
    day = np.arange(DAYS)
    promotions = (rng.random((n, DAYS)) < 0.12).astype(float)
    visitors = rng.normal(0, 1, (n, DAYS))
    kinds = rng.integers(0, 2, n)
    size = rng.lognormal(4, 1, (n, 1))
    effect = np.where(kinds, 1.5, 0.33)[:, np.newaxis] * promotions
    expected = size * (1 + 0.5 * (day % 7 > 4)) * (1 + effect)
    back = np.exp(0.1 * np.roll(visitors, 1, axis=1))
    sales = expected * back * rng.lognormal(0, 0.08, (n, DAYS))
    # What can be known on the day before the horizon.
    expected[:, -HORIZON] *= back[:, -HORIZON]
    return sales, promotions, visitors, kinds, expected


def error(said, came):
    """The mean share by which it is wrong."""
    return np.mean(np.abs(said - came) / came)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="fewer products")
    n = 40 if parser.parse_args().short else 200
    sales, promotions, visitors, kinds, expected = make_sales(n, np.random.default_rng(0))
    y, came = list(sales[:, :-HORIZON]), sales[:, -HORIZON:]
    promotions, ahead = list(promotions[:, :-HORIZON]), list(promotions[:, -HORIZON:])
    visitors = list(visitors[:, :-HORIZON])
    given = {
        "sales alone": {},
        "and promotions": {"future": promotions},
        "and kinds": {"future": promotions, "static": kinds},
        "and visitors": {"future": promotions, "static": kinds, "past": visitors},
    }
    print(f"{n} products, {HORIZON} days ahead: by how much forecasts are wrong")
    print(f"{'last week again':20} {error(seasonal_naive(y, HORIZON, 7), came):6.1%}")
    for name, beside in given.items():
        forecaster = SequenceForecaster(horizon=HORIZON, season=7, learning_rate_init=3e-3, random_state=0)
        forecast = forecaster.fit(y, **beside).predict(future=ahead if "future" in beside else None)
        print(f"{name:20} {error(forecast, came):6.1%}")
    print(f"{'the true rule':20} {error(expected[:, -HORIZON:], came):6.1%}")


if __name__ == "__main__":
    main()
