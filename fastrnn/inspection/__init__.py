"""Draw what models predict and what goes on in them, and find out why; with displays like those of scikit-learn."""

from fastrnn.inspection.attribution import AttributionDisplay
from fastrnn.inspection.forecast import ForecastDisplay
from fastrnn.inspection.gradients import integrated_gradients
from fastrnn.inspection.importance import ImportanceDisplay, permutation_importance
from fastrnn.inspection.occlusion import occlusion
from fastrnn.inspection.steps import AttentionDisplay, GateActivationsDisplay, ProbabilitiesDisplay
from fastrnn.inspection.training import GradientFlowDisplay, TrainingCurveDisplay

__all__ = ["AttentionDisplay", "AttributionDisplay", "ForecastDisplay", "GateActivationsDisplay", "GradientFlowDisplay",
           "ImportanceDisplay", "ProbabilitiesDisplay", "TrainingCurveDisplay", "integrated_gradients", "occlusion",
           "permutation_importance"]  # fmt: skip
