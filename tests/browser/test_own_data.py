"""People come with their own data: pictures in folders, a table, and a table that nobody has labelled."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_digits

from core.runs import RunStore, Status
from tests.browser.conftest import Server, settle
from tests.browser.test_journeys import lab_of, own_run
from tests.browser.test_lab import choose_method
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
RANDOM = np.random.default_rng(6)


def bring(page: Page, server: Server, file: Path) -> None:
    """Give a file to the Data page, as it is, and wait until it has been looked at."""
    page.goto(f"{server.url}/data")
    settle(page)
    page.get_by_text("Bring your own data").click()
    page.get_by_test_id("stFileUploader").locator("input").set_input_files(file)
    expect(page.get_by_role("heading", name="What was found in the file")).to_be_visible()


def read(page: Page, samples: int) -> None:
    page.get_by_role("button", name="Read the file").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(str(samples))
    settle(page)


def train(page: Page, method: str) -> None:
    page.get_by_role("button", name="Train on this data").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    settle(page)
    choose_method(page, method)


def launched(page: Page, store: RunStore) -> dict[str, float]:
    """Launch what is set, and the scores that come of it."""
    page.get_by_role("button", name="Launch").click()
    wait_until(lambda: bool(store.runs(references=False)) and own_run(store).over, 60)
    assert own_run(store).status == Status.DONE
    scores: dict[str, float] = own_run(store).result["metrics"]
    return scores


def test_pictures_in_folders_become_a_block_diagonal_heatmap(
    page: Page, server: Server, store: RunStore, tmp_path: Path
) -> None:
    images, names = load_digits(n_class=4).images[:160], ("nought", "one", "two", "three")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for place, (image, label) in enumerate(zip(images, load_digits(n_class=4).target[:160], strict=True)):
            stream = io.BytesIO()
            Image.fromarray((15 * image).astype(np.uint8)).save(stream, "PNG")
            archive.writestr(f"digits/{names[label]}/{place}.png", stream.getvalue())
    bring(page, server, tmp_path / "pictures.zip")
    read(page, 160)
    expect(page.get_by_text("One class per row: nought, one, three, two.")).to_be_visible()
    train(page, "Ridge self-expression")
    scores = launched(page, store)
    assert scores["acc"] > 0.9 and scores["block_diagonality"] > 0.6
    page.get_by_role("button", name="Explore this run").click()
    expect(page.get_by_role("heading", name="Explore", exact=True)).to_be_visible()
    settle(page)
    heatmap = lab_of(page).get_by_role("img", name=re.compile("Affinity")).first
    blocks = quarters(heatmap.screenshot())
    assert np.diag(blocks).min() > 1.1 * blocks[~np.eye(4, dtype=bool)].max(), "bright along the diagonal"


def quarters(screenshot: bytes) -> np.ndarray:
    """Mean brightness of the heatmap in a picture, four by four: where nearly all of a row or a column is coloured."""
    picture = np.asarray(Image.open(io.BytesIO(screenshot)).convert("RGB"), float)
    coloured = np.ptp(picture, axis=2) > 40
    rows = np.flatnonzero(coloured.mean(axis=1) > 0.5 * coloured.mean(axis=1).max())
    columns = np.flatnonzero(coloured[rows].mean(axis=0) > 0.9)
    inside = picture[np.ix_(rows, columns)].mean(axis=2)
    side = min(inside.shape) // 4
    return np.asarray(inside[: 4 * side, : 4 * side].reshape(4, side, 4, side).mean(axis=(1, 3)))


def test_a_table_with_id_text_label_and_two_scales_gives_sensible_clusters(
    page: Page, server: Server, store: RunStore, tmp_path: Path
) -> None:
    kinds = np.arange(90) % 3
    near, far = RANDOM.normal(4.0 * (kinds == 1), 0.5), 1000 * RANDOM.normal(4.0 * (kinds == 2), 0.5)
    rows = [f"{n},{a:.3f},{b:.1f},{('oak', 'ash', 'elm')[k]}" for n, (a, b, k) in enumerate(zip(near, far, kinds, strict=True))]
    (tmp_path / "trees.csv").write_text("\n".join(["tree id,width,weight,species", *rows]))
    bring(page, server, tmp_path / "trees.csv")
    read(page, 90)
    expect(page.get_by_text(re.compile("The scaling 'standard' is recommended")).first).to_be_visible()
    page.get_by_role("button", name="Scale each feature by itself").click()
    expect(page.get_by_role("button", name="Scale each feature by itself")).to_be_hidden()
    settle(page)
    train(page, "k-means")
    assert launched(page, store)["acc"] > 0.95
    assert own_run(store).spec.data.scaling == "standard"


def test_unlabelled_data_suggest_how_many_clusters_there_are(
    page: Page, server: Server, store: RunStore, tmp_path: Path
) -> None:
    points = RANDOM.normal(12 * np.eye(5, 6)[np.arange(100) % 5], 1.0)
    (tmp_path / "plain.csv").write_text("\n".join(["a,b,c,d,e,f", *(",".join(f"{v:.3f}" for v in row) for row in points)]))
    bring(page, server, tmp_path / "plain.csv")
    read(page, 100)
    train(page, "k-means")
    expect(page.get_by_text("K is yours to choose")).to_be_visible()
    page.get_by_role("button", name="Take K = 5").click()
    expect(page.get_by_text("How many clusters? K = 5")).to_be_visible()
    settle(page)
    assert "acc" not in launched(page, store) and own_run(store).result["n_clusters"] == 5
