"""How anything is trained: steps and stages, the one trainer, schedules, early stopping.

Uses `core.losses`. All but `stages` and `chunks` needs torch and is imported by the name of its module.
"""

from core.training.chunks import CHUNK, in_chunks
from core.training.stages import Arrays, Stages, Step, to_host

__all__ = ["CHUNK", "Arrays", "Stages", "Step", "in_chunks", "to_host"]
