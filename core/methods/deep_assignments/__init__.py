"""A network whose last layer says to which cluster a sample belongs, trained on what it is already sure of."""

from core.methods.deep_assignments.dccm import DCCM
from core.methods.deep_assignments.depict import DEPICT

__all__ = ["DCCM", "DEPICT"]
