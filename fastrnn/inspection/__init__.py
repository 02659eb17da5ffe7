"""Pictures of what models say and of what goes on in them, in the form of scikit-learn's displays."""

from fastrnn.inspection.forecast import ForecastDisplay
from fastrnn.inspection.steps import AttentionDisplay, GateActivationsDisplay, ProbabilitiesDisplay
from fastrnn.inspection.training import GradientFlowDisplay, TrainingCurveDisplay

__all__ = ["AttentionDisplay", "ForecastDisplay", "GateActivationsDisplay", "GradientFlowDisplay",
           "ProbabilitiesDisplay", "TrainingCurveDisplay"]  # fmt: skip
