"""New samples on Explore: labelled by a stored run."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import datasets, runs
from core.datasets import DataSpec
from core.jobs import JobQueue
from core.runs import RunStore
from tests.pages.seen import button, healthy, new_samples, texts

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("inline_queue")]


def choose_samples(app: AppTest, name: str) -> AppTest:
    next(box for box in app.selectbox if box.label == "Samples to label").set_value(name).run()
    return healthy(app)


def scores_of_new(app: AppTest) -> dict[str, str]:
    """The numbers from "New samples" on; those before it are of the run itself."""
    shown = [(metric.label, metric.value) for metric in app.metric]
    return dict(shown[[label for label, _ in shown].index("New samples") :])


def test_new_samples_are_labelled_scored_and_shown_beside_their_neighbours(
    visit: Callable[..., AppTest], finished: Callable[..., str], store: RunStore
) -> None:
    app = new_samples(visit, finished("kmeans"))
    assert scores_of_new(app)["New samples"] == "1,797" and "its own nearest one" in texts(app)
    app.number_input(key="new_n").set_value(50).run()
    shown = scores_of_new(healthy(app))
    assert shown["New samples"] == "50" and 0 < float(shown["ACC"]) <= 1
    assert app.get("download_button") and app.get("image")
    answers = [np.load(path) for path in (store.home / "cache").glob("label_new-*.npz")]
    assert sorted(len(answer["labels"]) for answer in answers) == [50, 1797]


def test_an_upload_without_labels_is_labelled_and_not_scored(
    visit: Callable[..., AppTest], finished: Callable[..., str]
) -> None:
    app = new_samples(visit, finished("kmeans"))
    rows = "\n".join(",".join(map(str, row)) for row in np.random.default_rng(0).integers(0, 17, (30, 64)))
    app.file_uploader[0].upload("more.csv", f"{','.join(f'p{i}' for i in range(64))}\n{rows}\n".encode())
    button(app, "Read the file").click().run()
    assert scores_of_new(healthy(app)) == {"New samples": "30"} and not app.error


def test_clusters_of_new_samples_have_the_names_of_all_pictures(visit: Callable[..., AppTest], store: RunStore) -> None:
    y = np.arange(40) % 2
    X = np.random.default_rng(0).normal(size=(40, 2)) + 20 * y[:, None]
    rows = "\n".join(f"{a},{b},{'yx'[c]}" for (a, b), c in zip(X, y, strict=True))
    path = datasets.store_upload("mine.csv", f"a,b,label\n{rows}\n".encode())
    queue = JobQueue(store, immediate=True)
    for seed in range(6):  # of some the stored cluster 0 is the class y, of others x
        run = queue.submit(runs.make_spec("kmeans", DataSpec(path.stem), seed=seed, overrides={"n_init": 1}), references=False)
        app = new_samples(visit, run.id)
        looked = next(box for box in app.selectbox if box.label == "Look at cluster")
        assert looked.options == ["x · 20 samples", "y · 20 samples"]
        table = next(frame.value for frame in app.dataframe if "its class" in frame.value)
        assert set(table["class"]) == {"x"}
        figure = json.loads(app.get("plotly_chart")[-1].proto.spec)
        assert figure["layout"]["xaxis"]["ticktext"] == ["x", "y"]


def test_new_samples_of_another_shape_are_refused_in_words(visit: Callable[..., AppTest], finished: Callable[..., str]) -> None:
    path = datasets.store_upload("other.csv", b"a,b\n" + b"1,2\n3,4\n" * 5)
    app = new_samples(visit, finished("kmeans"))
    offered = next(box for box in app.selectbox if box.label == "Samples to label").options
    assert any(option.startswith("digits") for option in offered) and path.stem not in offered
    app.file_uploader[0].upload("wide.csv", b"a,b,c\n" + b"1,2,3\n3,4,5\n" * 5)
    button(app, "Read the file").click().run()
    assert healthy(app).error and len(datasets.uploads()) == 1


def test_hostile_class_names_of_new_samples_are_shown_as_text(visit: Callable[..., AppTest], store: RunStore) -> None:
    hostile = ("<img src=x onerror=alert(1)>", "![x](http://example.invalid/a.png)")
    rows = "\n".join(f"{i % 7},{i % 3 + 9 * (i % 2)},{hostile[i % 2]}" for i in range(40))
    path = datasets.store_upload("mine.csv", f"a,b,label\n{rows}\n".encode())
    run = JobQueue(store, immediate=True).submit(runs.make_spec("kmeans", DataSpec(path.stem)), references=False)
    app = new_samples(visit, run.id)
    table = next(frame.value for frame in app.dataframe if "its class" in frame.value)
    assert set(table["class"]) <= set(hostile)
    assert not any(element.proto.allow_html for element in [*app.markdown, *app.caption])
    assert not any(name in str(element.value) for name in hostile for element in [*app.markdown, *app.caption])
