"""Auto-encoders of the subspace methods: small strided convolutions for images, fully connected layers for vectors.

Both offer ``encode``, ``decode`` and ``code_size`` and take every random weight from a given generator. Samples come
first in every public shape. Inside, images travel as (channels, height, width, samples): with a handful of channels a
general convolution spends its time on bookkeeping, whereas in this order the k x k shifted copies of a map are plain
strided slices with long contiguous rows, and a layer is one matrix product. Codes leave ``encode`` as the transposed
view of a (d, n) matrix; code that multiplies them by an n x n matrix should keep that order (`core.losses.combine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from core.common import ParameterError

STRIDE = 2


@dataclass(frozen=True)
class _Geometry:
    """Sizes of one strided layer: `fine` before the stride, `coarse` = ceil(fine / 2) after it."""

    kernel: int
    fine: tuple[int, int]

    @property
    def coarse(self) -> tuple[int, int]:
        return (self.fine[0] + 1) // STRIDE, (self.fine[1] + 1) // STRIDE

    @property
    def before(self) -> int:
        """Zero rows (and columns) in front of the map; k // 2 for the usual odd kernels."""
        return (self.kernel - 1) // 2

    @property
    def padded(self) -> tuple[int, int]:
        height, width = (
            max(STRIDE * (c - 1) + self.kernel, self.before + f) for c, f in zip(self.coarse, self.fine, strict=True)
        )
        return height, width

    def inner(self, padded: Tensor) -> Tensor:
        """The map inside its zero border."""
        rows, columns = (slice(self.before, self.before + size) for size in self.fine)
        return padded[:, rows, columns]

    def shifted(self, padded: Tensor) -> list[Tensor]:
        """The k*k strided views (channels, *coarse, n) of a padded map, one for each offset of the kernel."""
        height, width = (STRIDE * (size - 1) + 1 for size in self.coarse)
        offsets = range(self.kernel)
        return [padded[:, i : i + height : STRIDE, j : j + width : STRIDE] for i in offsets for j in offsets]


def _gather(maps: Tensor, geometry: _Geometry) -> Tensor:
    """Patches under the kernel: (channels, *fine, n) -> (channels * k * k, coarse height * coarse width * n)."""
    channels, n = maps.shape[0], maps.shape[-1]
    padded = maps.new_zeros(channels, *geometry.padded, n)
    geometry.inner(padded).copy_(maps)
    patches = maps.new_empty(channels, geometry.kernel**2, *geometry.coarse, n)
    for offset, view in enumerate(geometry.shifted(padded)):
        patches[:, offset].copy_(view)
    return patches.view(channels * geometry.kernel**2, -1)


def _scatter(patches: Tensor, geometry: _Geometry, channels: int) -> Tensor:
    """Adjoint of `_gather`: overlapping patches are added up into (channels, *fine, n)."""
    patches = patches.view(channels, geometry.kernel**2, *geometry.coarse, -1)
    padded = patches.new_zeros(channels, *geometry.padded, patches.shape[-1])
    for offset, view in enumerate(geometry.shifted(padded)):
        view.add_(patches[:, offset])
    return geometry.inner(padded)


def _through_relu(gradient: Tensor, output: Tensor) -> Tensor:
    """Gradient before a ReLU, from the one behind it and the output."""
    return torch.ops.aten.threshold_backward(gradient, output, 0)


class _Convolution(torch.autograd.Function):
    """Y = relu(W P + b) with P the patches of x; the patches of a constant input may be given instead of x.

    With G = dL/dY * [Y > 0]: dL/dW = G P^T, dL/db = G 1, dL/dx = scatter(W^T G).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor | None, patches: Tensor | None, W: Tensor, b: Tensor, geometry: _Geometry) -> Tensor:
        if patches is None:
            assert x is not None
            patches = _gather(x, geometry)
        y = torch.addmm(b[:, None], W.flatten(1), patches).relu_()
        ctx.save_for_backward(patches, W, y)
        ctx.geometry = geometry
        return y.view(len(W), *geometry.coarse, -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        patches, W, y = ctx.saved_tensors
        G = _through_relu(gradient.reshape(y.shape), y)
        dx = _scatter(W.flatten(1).T @ G, ctx.geometry, W.shape[1]) if ctx.needs_input_grad[0] else None
        return dx, None, (G @ patches.T).view_as(W), G.sum(1), None


class _TransposedConvolution(torch.autograd.Function):
    """Y = relu(scatter(W^T x) + b), the adjoint of a strided convolution, sized exactly to ``geometry.fine``.

    With G = dL/dY * [Y > 0] and Q = gather(G): dL/dx = W Q, dL/dW = x Q^T, dL/db = G 1.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, b: Tensor, geometry: _Geometry) -> Tensor:
        flat = x.reshape(len(x), -1)
        y = _scatter(W.flatten(1).T @ flat, geometry, W.shape[1])
        y = (y + b[:, None, None, None]).relu_()
        ctx.save_for_backward(flat, W, y)
        ctx.geometry = geometry
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        flat, W, y = ctx.saved_tensors
        G = _through_relu(gradient, y)
        Q = _gather(G, ctx.geometry)
        dx = None
        if ctx.needs_input_grad[0]:
            dx = (W.flatten(1) @ Q).view(len(W), *ctx.geometry.coarse, -1)
        return dx, (flat @ Q.T).view_as(W), G.sum((1, 2, 3)), None


def _glorot(shape: Sequence[int], fan_in: int, fan_out: int, generator: torch.Generator) -> nn.Parameter:
    """Uniform on +-sqrt(6 / (fan_in + fan_out)); drawn where the generator lives."""
    bound = sqrt(6 / (fan_in + fan_out))
    return nn.Parameter(torch.empty(*shape, device=generator.device).uniform_(-bound, bound, generator=generator))


def batch_last(X: Tensor) -> Tensor:
    """The same images, (n, h, w[, c]), with memory in the order (c, h, w, n) that the convolutions use.

    Worth doing once for data that every step reads: comparing a reconstruction to it then runs over equal layouts.
    """
    order = _to_maps(X).contiguous()
    return _to_images(order, X.ndim)


def _to_maps(X: Tensor) -> Tensor:
    """(n, h, w[, c]) -> (c, h, w, n), a view."""
    return X.permute(1, 2, 0)[None] if X.ndim == 3 else X.permute(3, 1, 2, 0)


def _to_images(maps: Tensor, ndim: int) -> Tensor:
    """(c, h, w, n) -> (n, h, w) for `ndim` 3 or (n, h, w, c) for 4, a view."""
    return maps[0].permute(2, 0, 1) if ndim == 3 else maps.permute(3, 1, 2, 0)


class ConvAutoEncoder(nn.Module):
    """Convolutional auto-encoder of the deep subspace clustering family.

    Encoder: one convolution per entry of `channels`, stride 2, zero padding k // 2, so that a side shrinks to
    ceil(side / 2). The code is the flattened last map. Decoder: the mirror image with transposed convolutions and
    weights of its own; its maps have exactly the sizes of the encoder's. Every layer has a bias and ends in a ReLU,
    the code and the reconstruction included.

    Parameters
    ----------
    image_shape : (h, w) or (h, w, c)
    channels, kernel_sizes : sequences of int
        Filters and filter size of each encoder layer.
    generator : torch.Generator
        Source of the Glorot-uniform kernels; biases start at 0.

    Raises
    ------
    ParameterError
        If the two sequences differ in length or are empty, or hold a number below 1.
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if len(channels) != len(kernel_sizes) or not channels:
            raise ParameterError(
                "'channels' and 'kernel_sizes' must have the same, positive length. "
                f"Got {len(channels)} and {len(kernel_sizes)} instead."
            )
        if min(channels) < 1 or min(kernel_sizes) < 1:
            raise ParameterError(
                f"'channels' and 'kernel_sizes' must be at least 1. Got {list(channels)} and {list(kernel_sizes)} instead."
            )
        if len(image_shape) not in (2, 3):
            raise ParameterError(f"'image_shape' must be (h, w) or (h, w, c). Got {tuple(image_shape)} instead.")
        self.image_shape = tuple(image_shape)
        widths = [image_shape[2] if len(image_shape) == 3 else 1, *channels]
        size = (image_shape[0], image_shape[1])
        self._geometries: list[_Geometry] = []
        for kernel in kernel_sizes:
            self._geometries.append(_Geometry(kernel, size))
            size = self._geometries[-1].coarse
        self._code_shape = (widths[-1], *size)
        layers = list(zip(widths[:-1], widths[1:], kernel_sizes, strict=True))

        def kernels(coarse: int, fine: int, k: int) -> nn.Parameter:
            return _glorot((coarse, fine, k, k), fine * k * k, coarse * k * k, generator)

        def zeros(length: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(length, device=generator.device))

        self.encoder_weights = nn.ParameterList(kernels(coarse, fine, k) for fine, coarse, k in layers)
        self.encoder_biases = nn.ParameterList(zeros(coarse) for _, coarse, _ in layers)
        self.decoder_weights = nn.ParameterList(kernels(coarse, fine, k) for fine, coarse, k in reversed(layers))
        self.decoder_biases = nn.ParameterList(zeros(fine) for fine, _, _ in reversed(layers))
        self._constant: tuple[Tensor, int, Tensor] | None = None

    @property
    def code_size(self) -> int:
        """d, the length of one code."""
        return prod(self._code_shape)

    def encode(self, X: Tensor) -> Tensor:
        """Codes of images: (n, h, w[, c]) -> (n, d). X is treated as constant: it receives no gradient."""
        x: Tensor | None = None
        patches: Tensor | None = self._input_patches(X)
        for W, b, geometry in zip(self.encoder_weights, self.encoder_biases, self._geometries, strict=True):
            x = _Convolution.apply(x, patches, W, b, geometry)
            patches = None  # only those of the input are constant
        assert x is not None
        return x.flatten(0, 2).T

    def decode(self, Z: Tensor) -> Tensor:
        """Images of codes: (n, d) -> (n, h, w[, c])."""
        x = Z.T.reshape(*self._code_shape, len(Z))
        for W, b, geometry in zip(self.decoder_weights, self.decoder_biases, self._geometries[::-1], strict=True):
            x = _TransposedConvolution.apply(x, W, b, geometry)
        return _to_images(x, len(self.image_shape) + 1)

    def forward(self, X: Tensor) -> Tensor:
        """Reconstruction decode(encode(X))."""
        return self.decode(self.encode(X))

    def _input_patches(self, X: Tensor) -> Tensor:
        """Patches of the input images; full-batch training passes the same tensor each step, so the last are kept."""
        if self._constant is not None:
            images, version, patches = self._constant
            if images is X and version == X._version:
                return patches
        patches = _gather(_to_maps(X.detach()), self._geometries[0])
        self._constant = (X, X._version, patches)
        return patches

    def __getstate__(self) -> dict[str, Any]:
        """Without the kept patches: they belong to the data, not to the model."""
        return {**self.__dict__, "_constant": None}


class MLPAutoEncoder(nn.Module):
    """Fully connected auto-encoder for vectors: ReLU hidden layers, linear code and linear output.

    Parameters
    ----------
    n_features : int
        m, the length of a sample.
    widths : sequence of int
        Encoder layers in order; the last one is the code size d. The decoder mirrors them.
    generator : torch.Generator
        Source of the Glorot-uniform weights; biases start at 0.
    """

    def __init__(self, n_features: int, widths: Sequence[int], *, generator: torch.Generator) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ParameterError(f"'widths' must hold at least one positive number. Got {list(widths)} instead.")
        sizes = [n_features, *widths]
        self.code_size = sizes[-1]
        self.encoder = self._stack(sizes, generator)
        self.decoder = self._stack(sizes[::-1], generator)

    @staticmethod
    def _stack(sizes: Sequence[int], generator: torch.Generator) -> nn.Sequential:
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layer = nn.utils.skip_init(nn.Linear, fan_in, fan_out, device=generator.device)
            layer.weight = _glorot((fan_out, fan_in), fan_in, fan_out, generator)
            nn.init.zeros_(layer.bias)
            layers += [layer, nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def encode(self, X: Tensor) -> Tensor:
        """Codes of vectors: (n, m) -> (n, d)."""
        codes: Tensor = self.encoder(X)
        return codes

    def decode(self, Z: Tensor) -> Tensor:
        """Vectors of codes: (n, d) -> (n, m)."""
        vectors: Tensor = self.decoder(Z)
        return vectors

    def forward(self, X: Tensor) -> Tensor:
        """Reconstruction decode(encode(X))."""
        return self.decode(self.encode(X))


AutoEncoder = ConvAutoEncoder | MLPAutoEncoder


def autoencoder_for(
    sample_shape: tuple[int, ...],
    channels: Sequence[int],
    kernel_sizes: Sequence[int],
    widths: Sequence[int],
    *,
    generator: torch.Generator,
) -> ConvAutoEncoder | MLPAutoEncoder:
    """The auto-encoder that fits the samples: convolutional for images (two or more axes), else fully connected."""
    if len(sample_shape) >= 2:
        return ConvAutoEncoder(sample_shape, channels, kernel_sizes, generator=generator)
    return MLPAutoEncoder(prod(sample_shape), widths, generator=generator)
