"""Networks: auto-encoders and their parts, with all start weights from a given generator.

Needs torch. Uses `core.common` and `core.graphs`.
"""

from core.nets.autoencoders import AutoEncoder, ConvAutoEncoder, MLPAutoEncoder, autoencoder_for, batch_last
from core.nets.centroids import Centroids
from core.nets.dual_autoencoder import Discriminators, DualAutoEncoder, Encoding
from core.nets.layered import LayeredAutoEncoder
from core.nets.paths import Layer, Pair, Path, Rows
from core.nets.perceptron import perceptron
from core.nets.spectral_head import SpectralHead
from core.nets.transformations import transformed
from core.nets.unrolled import Clusters, Coder, DenseEncoder, TAGNet

__all__ = [
    "AutoEncoder",
    "Centroids",
    "Clusters",
    "Coder",
    "ConvAutoEncoder",
    "DenseEncoder",
    "Discriminators",
    "DualAutoEncoder",
    "Encoding",
    "Layer",
    "LayeredAutoEncoder",
    "MLPAutoEncoder",
    "Pair",
    "Path",
    "Rows",
    "SpectralHead",
    "TAGNet",
    "autoencoder_for",
    "batch_last",
    "perceptron",
    "transformed",
]
