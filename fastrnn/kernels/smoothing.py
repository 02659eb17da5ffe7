"""Exponential smoothing of a series, by many sets of parameters at once, and what each forecasts from every step."""

from math import exp

from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS

ADDED, TIMES, LOGARITHMS = range(3)
"""How a series is made of season and rest: their sum, their product, or that of season and the rest's exponential."""
LARGEST = 50.0
"""Of a logarithm in units of the series' mean: what a trend in logarithms leads to is a finite number."""


@njit(**OPTIONS)
def smooth(out, missed, weights, adjusted, series, season, form, members, first, line):
    """Forecasts of a series from each of its steps by each member: out[t] += weights[t, k] times those of member k.

    Or, if `out` has no rows, missed[t, k] += what the forecasts of member k from step `first` on miss of step t, those
    h steps ahead by one h-th.  A member (alpha, beta, phi, theta) follows, of what is left beside the season,

        l[t] = f[t] + alpha e[t],  b[t] = phi b[t-1] + alpha beta e[t],  f[t] = l[t-1] + phi b[t-1] + d[t-1]

    with e[t] the error of f[t], and d[t] theta times the slope of the regression line through all steps up to t: damped
    trends (Gardner and McKenzie 1985) have theta = 0, theta forecasts (Hyndman and Billah 2003) b = 0.

    Parameters
    ----------
    out (T, horizon), or (0, horizon)
    missed, weights (T, G)
    adjusted, series (T,)   without and with the season
    season (m,)             that of step t is season[t % m]
    form                    ADDED, TIMES or LOGARITHMS
    members (G, 4)
    line (3,)               of regression, through the first steps: where it begins, its slope, and how many these are
    """
    T, m, horizon = adjusted.size, season.size, out.shape[1]
    for k in range(len(members)):
        alpha, beta, phi, theta = members[k]
        trend, drift = line[1] if beta > 0 else 0.0, theta * line[1]
        level = line[0] - trend - drift
        n, y, xy = 0.0, 0.0, 0.0
        for t in range(T):
            before = level + phi * trend + drift
            error = adjusted[t] - before
            level, trend = before + alpha * error, phi * trend + alpha * beta * error
            n, y, xy = n + 1, y + adjusted[t], xy + t * adjusted[t]
            if theta > 0 and t >= line[2]:
                drift = theta * (n * xy - y * n * (n - 1) / 2) / (n * n * (n * n - 1) / 12)
            if len(out) == 0 and t < first:
                continue
            ahead, share = 0.0, 1.0
            for h in range(horizon):
                share *= phi
                ahead += share * trend + drift
                at = season[(t + 1 + h) % m]
                value = level + ahead
                if form == ADDED:
                    value += at
                elif form == TIMES:
                    value *= at
                else:
                    value = at * exp(min(value, LARGEST))
                if len(out):
                    out[t, h] += weights[t, k] * value
                elif t + 1 + h < T:
                    missed[t + 1 + h, k] += abs(series[t + 1 + h] - value) / (h + 1)
