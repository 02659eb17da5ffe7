"""Draw what models predict and what goes on in them, with displays like those of scikit-learn."""

from fastrnn.inspection.forecast import ForecastDisplay
from fastrnn.inspection.steps import AttentionDisplay, GateActivationsDisplay, ProbabilitiesDisplay
from fastrnn.inspection.training import GradientFlowDisplay, TrainingCurveDisplay

__all__ = ["AttentionDisplay", "ForecastDisplay", "GateActivationsDisplay", "GradientFlowDisplay",
           "ProbabilitiesDisplay", "TrainingCurveDisplay"]  # fmt: skip
