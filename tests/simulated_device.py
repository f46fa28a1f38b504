"""A device that is not the CPU, on a machine that has none.

    with SimulatedDevice() as device:
        method = build("dec", n_clusters=10, device=device.name).fit(X)
    device.reads  # how often the host waited for the device, by the line that did

Its tensors compute on the CPU, with the same numbers, autograd and optimisers included, but say that they lie on "meta", a
device whose tensors PyTorch itself cannot read. What a GPU refuses is refused here: tensors of host and device in one
operation, and NumPy. What makes a GPU wait is counted: copies to the host, and results whose size depends on numbers.

What PyTorch offers to devices of its own only is served by the CPU's while the device is on: random generators, Adam without
its fused kernels, `torch.tensor` and `Tensor.new_tensor`, which fill no tensor on "meta".
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

NAME = "meta"
ROOT = Path(__file__).resolve().parent.parent
CORE = str(ROOT / "core")
aten = torch.ops.aten

INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}  # their indices may lie on the host
JOINING = {aten.cat.default, aten.stack.default}  # even of numbers that lie on the host they take none


class DeviceTensor(torch.Tensor):
    """A tensor on the simulated device; ``held`` are its numbers."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> DeviceTensor:
        strided = held.layout is torch.strided  # a sparse one passes for a dense one: only its products are asked for
        strides = held.stride() if strided else torch.empty(held.shape, device="meta").stride()
        tensor = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=strides,
            storage_offset=held.storage_offset() if strided else 0,
            dtype=held.dtype,
            device=NAME,
        )
        tensor.held = held
        return tensor

    def new_tensor(self, data: Any, **settings: Any) -> Tensor:
        return torch.tensor(data, **{"dtype": self.dtype, "device": self.device, **settings})

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **_: Any) -> str:
        return f"DeviceTensor({self.held})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func}: a tensor outlived its device")


class SimulatedDevice(TorchDispatchMode):
    """The device, for as long as the ``with`` lasts.

    Attributes
    ----------
    reads
        How often the host waited for the device, by the line of `core` that made it (or of whoever asked for it elsewhere).
    steps
        Steps that optimisers have made.
    """

    name = NAME

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        self.steps = 0

    def __enter__(self) -> Self:
        served = {"torch.Generator": _HostGenerator, "torch.optim.Adam": PlainAdam, "torch.tensor": _tensor}
        self._patches = [patch(name, instead) for name, instead in served.items()]
        for each in self._patches:
            each.start()
        self._hook = register_optimizer_step_post_hook(self._count_step)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._hook.remove()
        for each in self._patches:
            each.stop()

    def _count_step(self, *_: Any) -> None:
        self.steps += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        here = any(isinstance(tensor, DeviceTensor) for tensor in tensors)
        wanted = kwargs.get("device")
        if wanted is not None and torch.device(wanted).type == NAME:
            return _placed(func(*_held(args), **{**_held(kwargs), "device": "cpu"}))
        if not here:
            return func(*args, **kwargs)
        if wanted is not None:  # a copy to the host, or something new there in the likeness of a tensor
            self._read(func, func is aten._to_copy.default)
            return func(*_held(args), **_held(kwargs))
        if func is aten._local_scalar_dense.default:
            self._read(func)
            return func(*_held(args))
        if func is aten.copy_.default:
            return self._copied(*args)
        _refuse_a_mixture(func, args, tensors)
        self._read(func, _size_hangs_on_numbers(func, args))
        return return_and_correct_aliasing(func, args, kwargs, _placed(func(*_held(args), **_held(kwargs))))

    def _copied(self, to: Tensor, source: Tensor, *_: Any) -> Tensor:
        self._read(aten.copy_.default, not isinstance(to, DeviceTensor))
        _held(to).copy_(_held(source))
        return to

    def _read(self, func: Any, counts: bool = True) -> None:
        if counts:
            self.reads[_caller() or str(func)] += 1


class PlainAdam(torch.optim.Adam):
    """Adam without the kernels of a device."""

    def __init__(self, params: Any, *args: Any, fused: bool | None = None, **settings: Any) -> None:
        super().__init__(params, *args, foreach=False, **settings)


_filled = torch.tensor


def _tensor(data: Any, *, device: Any = None, **settings: Any) -> Tensor:
    return _filled(data, **settings).to(device)


class _HostGenerator(torch.Generator):
    """A generator on the CPU, whatever device is asked for."""

    def __new__(cls, device: Any = "cpu") -> _HostGenerator:
        return super().__new__(cls, "cpu")


def _held(values: Any) -> Any:
    return tree_map_only(DeviceTensor, lambda tensor: tensor.held, values)


def _placed(values: Any) -> Any:
    return tree_map_only(Tensor, DeviceTensor, values)


def _refuse_a_mixture(func: Any, args: Any, tensors: list[Tensor]) -> None:
    if func in INDEXING:
        tensors = [args[0], *args[2:3]]
    for tensor in tensors:
        if not isinstance(tensor, DeviceTensor) and (tensor.ndim or tensor.is_meta or func in JOINING):
            raise RuntimeError(f"{func}: tensors on the host and on the device, {[type(each).__name__ for each in tensors]}")


def _size_hangs_on_numbers(func: Any, args: Any) -> bool:
    """Whether the host must know numbers before it can go on, as for the result of `nonzero`."""
    if func in INDEXING:
        masks = [index for index in args[1] if index is not None and index.dtype in (torch.bool, torch.uint8)]
        return bool(masks) and not (len(args) > 2 and args[2].numel() == 1)  # one number for a mask is a masked fill
    if func is aten.repeat_interleave.Tensor:
        return True
    return torch.Tag.dynamic_output_shape in func.tags or torch.Tag.data_dependent_output in func.tags


def _caller() -> str:
    """The line of `core` that is at work, "" if none is."""
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(CORE):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).relative_to(ROOT)}:{frame.f_lineno}" if frame is not None else ""
