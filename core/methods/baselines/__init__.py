"""What everything is compared with."""

from core.methods.baselines.ac_gdl import ACGDL
from core.methods.baselines.ae_kmeans import AutoencoderKMeans
from core.methods.baselines.kmeans import KMeans
from core.methods.baselines.lsc import LSC
from core.methods.baselines.spectral import Spectral

__all__ = ["ACGDL", "LSC", "AutoencoderKMeans", "KMeans", "Spectral"]
