"""Spectral embeddings learnt by a network: DSCDAN, SpectralNet."""

from core.methods.deep_spectral.dscdan import DSCDAN
from core.methods.deep_spectral.spectralnet import SpectralNet

__all__ = ["DSCDAN", "SpectralNet"]
