"""Draw what models predict and what goes on in them, and find out why; with displays like those of scikit-learn."""

from fastrnn.inspection.attribution import integrated_gradients, occlusion
from fastrnn.inspection.forecast import ForecastDisplay
from fastrnn.inspection.importance import permutation_importance
from fastrnn.inspection.steps import AttentionDisplay, GateActivationsDisplay, ProbabilitiesDisplay
from fastrnn.inspection.training import GradientFlowDisplay, TrainingCurveDisplay

__all__ = ["AttentionDisplay", "ForecastDisplay", "GateActivationsDisplay", "GradientFlowDisplay",
           "ProbabilitiesDisplay", "TrainingCurveDisplay", "integrated_gradients", "occlusion", "permutation_importance"]  # fmt: skip
