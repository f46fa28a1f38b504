"""Network and self-expression trained together: RGRL, UDLL, DSC-Net."""

from core.methods.deep_subspace.dsc import DSC
from core.methods.deep_subspace.rgrl import RGRL
from core.methods.deep_subspace.udll import UDLL

__all__ = ["DSC", "RGRL", "UDLL"]
