from collections.abc import Callable
from dataclasses import dataclass, field

from fastrnn._types import Path

@dataclass
class Progress:
    epoch: int
    loss: float
    validation_score: float | None
    save: Callable[[Path], None] | None = field(default=None, repr=False, compare=False)
    validation_loss: float | None = None

class Checkpoint:
    path: Path
    every: int

    def __init__(self, path: Path, every: int = 1) -> None: ...
    def __call__(self, progress: Progress) -> None: ...

class DivergenceError(ArithmeticError): ...
