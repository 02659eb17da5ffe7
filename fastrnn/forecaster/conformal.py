"""Split-conformal intervals: Vovk et al. 2005; Lei et al., JASA 2018.

From m errors of forecasts on steps that the fit has not seen, in units of each series' scale, the one of rank
ceil((m + 1) c) is how far an interval of coverage c reaches to both sides.  If those errors and the one to come are
exchangeable, it covers with a probability from c to c + 1 / (m + 1).  Cut-offs of one series overlap, and series may
change: then it is an approximation.
"""

from math import ceil
from numbers import Real

import numpy as np

from fastrnn.forecaster.view import View
from fastrnn.frames.filling import as_it_came
from fastrnn.wording import meant_as_share, shown


def check_coverage(coverage):
    """It must be a share, between 0 and 1."""
    if isinstance(coverage, bool) or not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"coverage={shown(coverage)}; expected a number between 0 and 1{meant_as_share(coverage)}")


def errors(points, lens, panel, horizon, n_cutoffs):
    """Errors (m, horizon, C) of `points(panel)` (n, horizon, C) at the last cut-offs of each series.

    Series that are too short to be read there are left out, and cut-offs after which something is missing.
    """
    found, some = [], np.flatnonzero(panel.series.lengths > lens.first + horizon + n_cutoffs - 1)
    for back in range(n_cutoffs):
        ends = panel.series.lengths[some] - horizon - back
        known = panel.upto(ends, some)
        view, forecasts = View(known.series, lens), points(known)
        rows = (panel.series.offsets[some] + ends)[:, np.newaxis] + np.arange(horizon)
        came, scale = as_it_came(panel.series)[rows], view.scale[:, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.abs(view.to_levels(came) - view.to_levels(forecasts)) / scale
        is_known = (scale > 0) & ~np.isnan(came)
        found.append(errors[is_known.all(axis=(1, 2))])
    return np.concatenate(found)


def scores(parts, lens):
    """All parts' `errors`, sorted (horizon, m)."""
    found = np.concatenate(parts)
    return never_narrower(np.sort(found.transpose(1, 0, 2).reshape(found.shape[1], -1), axis=1), lens.lags[0])


def never_narrower(widths, season):
    """Widths (h, ...), each at least that of a season before: what is further ahead is known no better."""
    widths = widths.copy()
    for step in range(season, len(widths)):
        np.maximum(widths[step], widths[step - season], out=widths[step])
    return widths


def interval(view, points, errors, coverage):
    """Lower and upper ends (n, h, C, 2) round points (n, h, C), by sorted errors (horizon, m)."""
    h, m = points.shape[1], errors.shape[1]
    rank = max(1, ceil((m + 1) * coverage - 1e-9))
    if h > len(errors):
        raise ValueError(f"horizon={h}, but intervals were calibrated for {len(errors)} steps: fit with horizon={h}")
    if m == 0:
        what = "there are no errors to calibrate intervals by, for no series changed before its last steps"
        raise ValueError(f"{what}: fit with calibration=0, or on series that change")
    if rank > m:
        needed = ceil(coverage / (1 - coverage) - 1e-9)
        fault = f"coverage={coverage} needs {needed} errors to calibrate it; there are {m}"
        raise ValueError(f"{fault}: raise calibration, or give more series")
    reach = errors[:h, rank - 1][:, np.newaxis] * view.scale[:, np.newaxis]
    levels = view.to_levels(points)
    return view.from_levels(np.stack([levels - reach, levels + reach], axis=-1))
