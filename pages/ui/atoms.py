"""Codes: the dictionary of sparse coding, and how it writes a sample."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from core.datasets import Dataset
from core.plots import figures
from core.plots.montage import grey_levels, montage
from core.runs import Run
from pages.ui.clusters import cluster_name, numbers_of
from pages.ui.confusion import columns_table
from pages.ui.gallery import class_name
from pages.ui.state import store
from pages.ui.text import plain, plain_names

ATOMS_SHOWN, ATOMS_IN_A_ROW = 128, 12
MOST_USED = 10
LAYERS = {"Z1": "Z1, first layer", "Z2": "Z2, second layer", "Z": "A, last layer"}


def codes_view(run: Run, data: Dataset) -> None:
    """The atoms, the codes and memberships of a sample, and how sparse the codes of all samples are."""
    final = store().files.arrays(run.id, "final", ("D", "P", "labels", *LAYERS))
    codes = _layers(run, final)
    D = final.get("D")
    left, right = st.columns(2, gap="large")
    with right if D is not None else left:
        sample = int(st.number_input("Sample", 0, data.n_samples - 1, key=f"c_sample:{run.id}", width=180))
        _sample(data, sample)
        if D is not None:
            _atoms_of(data, sample, final["Z"][sample], D)
    if D is not None:
        with left:
            _dictionary(D, data, trained="Z1" in final)
    st.markdown(f"**Codes of sample {sample}**")
    figure = figures.code_bars({title: Z[sample] for title, Z in codes.items()}, unit="atom" if D is not None else "unit")
    st.plotly_chart(figure, key=f"codes:{run.id}", alt=f"Codes of sample {sample}, unit by unit")
    places = iter(st.columns(2, gap="large"))
    if "P" in final:
        with next(places):
            numbers = numbers_of(run, data, final["P"].shape[1])
            names = [cluster_name(data, number) for number in numbers]
            _memberships(run, sample, final["P"][sample], int(final["labels"][sample]), names)
    with next(places):
        st.markdown("**Sparsity over all samples**")
        figure = figures.nonzero_shares(codes)
        st.plotly_chart(figure, key=f"sparsity:{run.id}", alt="Share of the entries of the codes that are not zero")
    columns_table(run)


def _layers(run: Run, final: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Title to codes, first to last; a network of two layers ends with its second one."""
    if "Z1" not in final:
        return {"A": final["Z"]}
    two = run.spec.params.get("n_stages") == 1
    return {title: final[name] for name, title in LAYERS.items() if name in final and not (two and name == "Z2")}


def _dictionary(D: NDArray, data: Dataset, *, trained: bool) -> None:
    shown = D[:ATOMS_SHOWN]
    st.markdown("**Dictionary**")
    if data.image_shape:
        sheet = montage(_atom_images(shown, data), min(ATOMS_IN_A_ROW, len(shown)))
        st.image(sheet, width="stretch", alt=f"{len(shown)} atoms as images")
    else:
        st.plotly_chart(figures.atom_values(shown), key="atom_values", alt="Atoms over features")
    number = f"The first {len(shown)} of {len(D):,} atoms" if len(shown) < len(D) else f"All {len(D)} atoms"
    scale = " by number, row by row. Mid-grey is 0, black or white the largest magnitude of each." if data.image_shape else "."
    st.caption(f"{number}{scale}" + (" The network starts from these and trains weights of its own." if trained else ""))


def _atom_images(atoms: NDArray, data: Dataset) -> NDArray[np.uint8]:
    """Atoms as images, each on a grey scale of its own with zero in the middle."""
    assert data.image_shape is not None
    tops = [float(np.abs(atom).max()) for atom in atoms]
    grey = [grey_levels(atom, -top, top) for atom, top in zip(atoms, tops, strict=True)]
    return np.stack(grey).reshape(len(atoms), *data.image_shape)


def _sample(data: Dataset, sample: int) -> None:
    of = f" of class {plain(class_name(data, sample))}" if data.y is not None else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        if data.image_shape:
            st.image(montage(data.images([sample]), 1, min_side=96), width=96, alt=f"Sample {sample}")
        st.caption(f"Sample {sample}{of}")


def _atoms_of(data: Dataset, sample: int, code: NDArray, D: NDArray) -> None:
    """The atoms that weigh most in the last code of a sample."""
    used = np.argsort(-np.abs(code), kind="stable")[: min(MOST_USED, np.count_nonzero(code))]
    st.caption(f"The {len(used)} atoms with the largest weights in its code A: number and weight")
    if not data.image_shape:
        table = pd.DataFrame({"atom": used, "weight": code[used]})
        st.dataframe(table, hide_index=True, alt=f"The atoms that sample {sample} uses most")
    elif len(used):
        st.image(
            [montage(image[None], 1, min_side=64) for image in _atom_images(D[used], data)],
            width=70,
            caption=[f"{atom}: {code[atom]:.2g}" for atom in used],
            alt=[f"atom {atom}, weight {code[atom]:.2g}" for atom in used],
        )


def _memberships(run: Run, sample: int, memberships: NDArray, cluster: int, names: list[str]) -> None:
    st.markdown("**Memberships**")
    figure = figures.memberships(memberships, plain_names(names), cluster)
    st.plotly_chart(figure, key=f"memberships:{run.id}", alt=f"Membership of sample {sample} in each cluster")
    st.caption(
        f"Sample {sample} goes to cluster {plain(names[cluster])}, coloured, with membership {memberships[cluster]:.3f}."
    )
