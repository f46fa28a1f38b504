"""Auto-encoders against PyTorch's own convolutions, and their interface."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.common import ParameterError
from core.nets import ConvAutoEncoder, MLPAutoEncoder, autoencoder_for, batch_last

ARCHITECTURES = [
    ((32, 32), (3, 3, 5), (3, 3, 3), 4),
    ((9, 7), (3, 2), (3, 5), 4),
    ((8, 6, 3), (4,), (3,), 1),
    ((48, 42), (4, 5, 6), (5, 3, 3), 2),
    ((7, 10, 2), (3, 4), (1, 7), 3),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def double_net(shape: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...]) -> ConvAutoEncoder:
    """Float64, with biases off zero so that their handling shows."""
    net = ConvAutoEncoder(shape, channels, kernels, generator=generator()).double()
    with torch.no_grad():
        for bias in [*net.encoder_biases, *net.decoder_biases]:
            bias.uniform_(0, 0.1, generator=generator(1))
    return net


def oracle_encode(net: ConvAutoEncoder, X: Tensor) -> list[Tensor]:
    """All maps, (n, c, h, w), from the image to the code."""
    maps = [X[:, None] if X.ndim == 3 else X.permute(0, 3, 1, 2)]
    for W, b in zip(net.encoder_weights, net.encoder_biases, strict=True):
        maps.append(F.conv2d(maps[-1], W, b, stride=2, padding=W.shape[-1] // 2).relu())
    return maps


def oracle(net: ConvAutoEncoder, X: Tensor) -> tuple[Tensor, Tensor]:
    """Code and reconstruction by `conv2d` and `conv_transpose2d`."""
    maps = oracle_encode(net, X)
    x = maps[-1]
    for W, b, goal in zip(net.decoder_weights, net.decoder_biases, maps[-2::-1], strict=True):
        k = W.shape[-1]
        extra = [size - (2 * (coarse - 1) - 2 * (k // 2) + k) for size, coarse in zip(goal.shape[2:], x.shape[2:], strict=True)]
        x = F.conv_transpose2d(x, W, b, stride=2, padding=k // 2, output_padding=extra).relu()
    return maps[-1].flatten(1), x[:, 0] if X.ndim == 3 else x.permute(0, 2, 3, 1)


@pytest.mark.parametrize(("shape", "channels", "kernels", "n"), ARCHITECTURES)
def test_convolutions_equal_those_of_pytorch(
    shape: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...], n: int
) -> None:
    net = double_net(shape, channels, kernels)
    X = torch.rand(n, *shape, dtype=torch.float64, generator=generator(2))
    weight_code, weight_image = torch.rand(net.code_size, dtype=torch.float64), torch.rand(shape, dtype=torch.float64)
    results, gradients = [], []
    for Z, X_hat in [(net.encode(X), net(X)), oracle(net, X)]:
        net.zero_grad()
        ((Z * weight_code).square().sum() + (X_hat * weight_image).square().sum()).backward()
        results.append((Z.detach(), X_hat.detach()))
        gradients.append([p.grad.clone() for p in net.parameters()])
    for ours, theirs in zip(results[0] + tuple(gradients[0]), results[1] + tuple(gradients[1]), strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)
    assert results[0][0].shape == (n, net.code_size)
    assert results[0][1].shape == (n, *shape)


@pytest.mark.parametrize(("shape", "channels", "kernels", "n"), ARCHITECTURES[1:3])
def test_decoder_gradient_reaches_the_code(
    shape: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...], n: int
) -> None:
    net = double_net(shape, channels, kernels)
    Z = torch.rand(n, net.code_size, dtype=torch.float64, generator=generator(3)).requires_grad_()
    assert torch.autograd.gradcheck(net.decode, (Z,))


def test_gradcheck_of_all_parameters() -> None:
    net = double_net((6, 5), (2, 3), (3, 3))
    X = torch.rand(3, 6, 5, dtype=torch.float64, generator=generator(2))
    names = [name for name, _ in net.named_parameters()]

    def reconstruct(*values: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (X,))

    assert torch.autograd.gradcheck(reconstruct, tuple(p.detach().requires_grad_() for p in net.parameters()))


def test_sizes_halve_rounding_up_and_come_back() -> None:
    net = ConvAutoEncoder((48, 42), (10, 20, 30), (5, 3, 3), generator=generator())
    assert net.code_size == 6 * 6 * 30
    assert net(torch.rand(2, 48, 42)).shape == (2, 48, 42)


def test_code_and_reconstruction_are_rectified() -> None:
    net = ConvAutoEncoder((8, 8), (4,), (3,), generator=generator())
    X = torch.randn(5, 8, 8, generator=generator(1))
    assert net.encode(X).min() >= 0
    assert net(X).min() >= 0


def test_input_changed_in_place_is_noticed() -> None:
    net = ConvAutoEncoder((8, 8), (4,), (3,), generator=generator())
    X = torch.rand(5, 8, 8, generator=generator(1))
    first = net.encode(X)
    X.mul_(2)
    torch.testing.assert_close(net.encode(X), 2 * first)  # biases are 0, so the layer is homogeneous


def test_memory_order_does_not_change_values() -> None:
    net = ConvAutoEncoder((8, 6, 3), (4,), (3,), generator=generator())
    X = torch.rand(5, 8, 6, 3, generator=generator(1))
    rearranged = batch_last(X)
    assert rearranged.shape == X.shape
    assert rearranged.stride(0) == 1
    assert torch.equal(rearranged, X)
    torch.testing.assert_close(net(rearranged), net(X))


@pytest.mark.parametrize(
    "build",
    [
        lambda g: ConvAutoEncoder((8, 8), (4, 3), (3, 3), generator=g),
        lambda g: MLPAutoEncoder(12, (8, 4), generator=g),
    ],
)
def test_generator_alone_decides_the_weights(build) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(5)
    state = torch.get_rng_state()
    nets = [build(generator(7)), build(generator(7)), build(generator(8))]
    assert torch.equal(torch.get_rng_state(), state)
    same = [torch.equal(p, q) for p, q in zip(nets[0].parameters(), nets[1].parameters(), strict=True)]
    other = [torch.equal(p, q) for p, q in zip(nets[0].parameters(), nets[2].parameters(), strict=True) if p.ndim > 1]
    assert all(same)
    assert not any(other)


def test_glorot_bounds_and_zero_biases() -> None:
    net = ConvAutoEncoder((32, 32), (15, 40), (3, 5), generator=generator())
    bound = (6 / (25 * (15 + 40))) ** 0.5
    largest = float(net.encoder_weights[1].detach().abs().max())
    assert 0.98 * bound < largest <= bound
    assert all(not b.any() for b in [*net.encoder_biases, *net.decoder_biases])


def test_copies_and_pickles_leave_the_data_behind() -> None:
    net = ConvAutoEncoder((16, 16), (4,), (3,), generator=generator())
    X = torch.rand(200, 16, 16)
    expected = net(X)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        torch.testing.assert_close(twin(X), expected)
    assert len(pickle.dumps(net)) < 50_000


def test_mlp_matches_its_layers() -> None:
    net = MLPAutoEncoder(6, (5, 3), generator=generator()).double()
    X = torch.rand(4, 6, dtype=torch.float64)
    first, second = net.encoder[0], net.encoder[2]
    Z = (X @ first.weight.T + first.bias).relu() @ second.weight.T + second.bias
    torch.testing.assert_close(net.encode(X), Z)
    assert net.code_size == Z.shape[1] == 3
    assert net(X).shape == X.shape


def test_shape_of_the_samples_picks_the_net() -> None:
    arguments = ((4,), (3,), (8, 2))
    assert isinstance(autoencoder_for((8, 8), *arguments, generator=generator()), ConvAutoEncoder)
    assert isinstance(autoencoder_for((8, 8, 3), *arguments, generator=generator()), ConvAutoEncoder)
    assert isinstance(autoencoder_for((20,), *arguments, generator=generator()), MLPAutoEncoder)


@pytest.mark.parametrize(
    ("shape", "channels", "kernels"),
    [
        ((8, 8), (3, 3), (3,)),
        ((8, 8), (), ()),
        ((8, 8), (0,), (3,)),
        ((8,), (3,), (3,)),
    ],
)
def test_impossible_architectures_are_refused(
    shape: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...]
) -> None:
    with pytest.raises(ParameterError, match="Got"):
        ConvAutoEncoder(shape, channels, kernels, generator=generator())


def test_mlp_without_layers_is_refused() -> None:
    with pytest.raises(ParameterError, match="widths"):
        MLPAutoEncoder(4, (), generator=generator())
