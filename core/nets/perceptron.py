"""Dense layers whose weights come from a given generator.

Glorot uniform, biases 0, as Keras has it, whose defaults the programs published with DSCDAN and SpectralNet rely on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import torch
from torch import nn


def _drawn(layer: nn.Module, generator: torch.Generator) -> nn.Module:
    """The layer with weights of its own: Glorot uniform, biases 0."""
    weight = layer.weight
    assert isinstance(weight, nn.Parameter) and isinstance(layer.bias, nn.Parameter)
    field = weight[0, 0].numel()
    bound = sqrt(6 / (field * (weight.shape[0] + weight.shape[1])))
    with torch.no_grad():
        weight.uniform_(-bound, bound, generator=generator)
        layer.bias.zero_()
    return layer


def _linear(fan_in: int, fan_out: int, generator: torch.Generator) -> nn.Module:
    return _drawn(nn.utils.skip_init(nn.Linear, fan_in, fan_out), generator)


def perceptron(sizes: Sequence[int], generator: torch.Generator, slope: float = 0.0) -> nn.Sequential:
    """Dense layers with (leaky) rectifiers between them and a linear output."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [_linear(fan_in, fan_out, generator), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers[:-1])
