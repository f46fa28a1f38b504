"""Spectral embeddings learnt by a network: DSCDAN, SpectralNet."""
