"""Self-expression of given features, or of pretrained codes, by one solver."""

from core.methods.shallow_subspace.ae_edsc import AutoencoderEDSC
from core.methods.shallow_subspace.ae_ssc import AutoencoderSSC
from core.methods.shallow_subspace.edsc import EDSC
from core.methods.shallow_subspace.ensc import EnSC
from core.methods.shallow_subspace.kssc import KSSC
from core.methods.shallow_subspace.lrr import LRR
from core.methods.shallow_subspace.lrsc import LRSC
from core.methods.shallow_subspace.ridge import Ridge
from core.methods.shallow_subspace.ssc import SSC
from core.methods.shallow_subspace.ssc_omp import SSCOMP

__all__ = ["EDSC", "KSSC", "LRR", "LRSC", "SSC", "SSCOMP", "AutoencoderEDSC", "AutoencoderSSC", "EnSC", "Ridge"]
