"""Pictures of what models say and of what goes on in them, in the form of scikit-learn's displays."""

from fastrnn.inspection.attention import AttentionDisplay
from fastrnn.inspection.curve import TrainingCurveDisplay
from fastrnn.inspection.flow import GradientFlowDisplay
from fastrnn.inspection.forecast import ForecastDisplay
from fastrnn.inspection.gates import GateActivationsDisplay
from fastrnn.inspection.probabilities import ProbabilitiesDisplay

__all__ = [
    "AttentionDisplay", "ForecastDisplay", "GateActivationsDisplay", "GradientFlowDisplay", "ProbabilitiesDisplay",
    "TrainingCurveDisplay",
]  # fmt: skip
