"""Codes and centroids trained together: the DEC family."""

from core.methods.deep_centroids.dcn import DCN
from core.methods.deep_centroids.dec import DEC
from core.methods.deep_centroids.dkm import DKM
from core.methods.deep_centroids.idec import IDEC
from core.methods.deep_centroids.vade import VaDE

__all__ = ["DCN", "DEC", "DKM", "IDEC", "VaDE"]
