"""Fully connected paths of GR-DNN and its baselines: encoders, decoders, and what they read and reconstruct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn.functional import linear

Activation = Literal["sigmoid", "relu"]


class Path(nn.Module):
    """Dense layers; every one but the last ends in the activation.

    The last layer is linear: it gives the code of an encoder, and of a decoder the logits of sigmoid outputs.

    Parameters
    ----------
    sizes : sequence of int
        Units of the input and of each layer.
    activation : {"sigmoid", "relu"}
    generator : torch.Generator
        Source of the weights: uniform on +-g sqrt(6 / (fan_in + fan_out)), with g = 4 for hidden sigmoid layers and 1
        otherwise (Glorot and Bengio 2010); biases start at 0. The wide start of sigmoid layers is what lets a graph
        decoder trained from scratch tell anchors apart.
    """

    layers: Sequence[nn.Linear]

    def __init__(self, sizes: Sequence[int], activation: Activation, *, generator: torch.Generator) -> None:
        super().__init__()
        self.activation = activation
        layers: list[nn.Linear] = []
        for position, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out)
            last = position == len(sizes) - 2
            gain = 4 if activation == "sigmoid" and not last else 1
            bound = gain * sqrt(6 / (fan_in + fan_out))
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.zeros_(layer.bias)
            layers.append(layer)
        self.layers = nn.ModuleList(layers)  # type: ignore[assignment]

    def act(self, x: Tensor) -> Tensor:
        """The activation of the hidden layers."""
        return torch.sigmoid(x) if self.activation == "sigmoid" else torch.relu(x)

    def trace(self, x: Tensor) -> tuple[list[Layer], Tensor]:
        """Every hidden layer at work, and the output of the last, linear one."""
        hidden = []
        for layer in self.layers[:-1]:
            x = self.act(layer(x))
            slopes = x * (1 - x) if self.activation == "sigmoid" else (x > 0).to(x.dtype)
            hidden.append(Layer(layer.weight, x, slopes))
        return hidden, self.layers[-1](x)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.act(layer(x))
        output: Tensor = self.layers[-1](x)
        return output


class Rows:
    """Rows of a constant matrix with entries in [0, 1], dense or sparse, as dense tensors on a device."""

    def __init__(self, matrix: Tensor | csr_array, device: str) -> None:
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        self._dense: Tensor | None = None
        if isinstance(matrix, Tensor):
            self._dense = matrix.to(device)
            return
        parts = (matrix.indptr, matrix.indices, matrix.data)
        pointers, self._columns, values = (torch.from_numpy(part).to(device) for part in parts)
        self._starts, self._counts = pointers[:-1].long(), pointers.diff().long()
        self._values = values.float()

    def __call__(self, rows: Tensor) -> Tensor:
        """The chosen rows, (len(rows), p)."""
        if self._dense is not None:
            return self._dense[rows]
        counts = self._counts[rows]
        owner = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), counts)
        shift = self._starts[rows] - (counts.cumsum(0) - counts)
        places = shift[owner] + torch.arange(len(owner), device=rows.device)
        out = torch.zeros(len(rows), self.shape[1], device=rows.device)
        out[owner, self._columns[places].long()] = self._values[places]
        return out

    def entropy(self, rows: Tensor) -> float:
        """Mean over the chosen rows of the summed entropies of their entries: the floor of a cross-entropy to them, in nats."""
        parts = (self(part) for part in rows.split(1024))
        return sum(float(torch.special.entr(x).sum() + torch.special.entr(1 - x).sum()) for x in parts) / max(len(rows), 1)


@dataclass(frozen=True)
class Layer:
    """What a penalty may look at in one layer: its weights, its outputs on a batch, and the slopes of its activation."""

    W: Tensor
    h: Tensor
    slopes: Tensor


@dataclass(frozen=True)
class Pair:
    """An encoder and the decoder that mirrors it, with the rows that both are about.

    `name` and `term` are what its stages and its loss are called.
    """

    name: str
    term: str
    X: Rows
    encoder: Path
    decoder: Path

    @property
    def networks(self) -> dict[str, Path]:
        """Encoder and decoder by the names they are kept under."""
        prefix = "" if self.name == "data" else f"{self.name}_"
        return {f"{prefix}encoder": self.encoder, f"{prefix}decoder": self.decoder}

    def input_of(self, depth: int, rows: Tensor) -> Tensor:
        """What the layer at `depth` (from 0) reads, without gradients: every layer below it with its activation."""
        with torch.no_grad():
            x = self.X(rows)
            for layer in self.encoder.layers[:depth]:
                x = self.encoder.act(layer(x))
            return x

    def tied(self, depth: int, x: Tensor) -> tuple[Layer, Tensor]:
        """One layer as an auto-encoder of its own: h = sigmoid(W x + b), and the logits W^T h + c of its input.

        c is the bias of the decoder layer that mirrors it. The code layer too is a sigmoid here, though linear later.
        """
        layer, mirror = self.encoder.layers[depth], self.decoder.layers[-1 - depth]
        h = torch.sigmoid(layer(x))
        return Layer(layer.weight, h, h * (1 - h)), linear(h, layer.weight.T, mirror.bias)

    def unrolled(self, depth: int, x: Tensor) -> Tensor:
        """Reconstruction of x by the layers up to `depth`, each tied to its mirror: what has been trained so far."""
        for layer in self.encoder.layers[: depth + 1]:
            x = torch.sigmoid(layer(x))
        for layer, mirror in zip(self.encoder.layers[depth::-1], self.decoder.layers[-1 - depth :], strict=True):
            x = torch.sigmoid(linear(x, layer.weight.T, mirror.bias))
        return x

    def tied_parameters(self, depth: int) -> list[Tensor]:
        """What `tied` learns."""
        layer, mirror = self.encoder.layers[depth], self.decoder.layers[-1 - depth]
        return [layer.weight, layer.bias, mirror.bias]

    def untie(self) -> None:
        """Start the decoder's weights from the transposes of the encoder's; from here on they are its own."""
        with torch.no_grad():
            for layer, mirror in zip(self.encoder.layers, reversed(self.decoder.layers), strict=True):
                mirror.weight.copy_(layer.weight.T)
