"""A row of choices shows the browser what is chosen, whichever run of the page the browser gets to see."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from pages.ui.forms import segments

    names = {"a": "A", "b": "B"} if st.toggle("b, too", value=True) else {"a": "A"}
    st.text(segments("Look at", names, key="look"))


def told(app: AppTest) -> list[str]:
    """The titles that the browser would show as chosen, if this run of the page were the first that it sees."""
    proto: Any = app.get("button_group")[0].proto
    return list(proto.raw_values) if proto.set_value else [proto.options[at].content for at in proto.default]


def test_every_run_tells_what_is_chosen() -> None:
    app = AppTest.from_function(page).run()
    assert told(app) == ["A"] and app.text[0].value == "a"
    assert told(app.run()) == ["A"], "the second run may overtake the first"
    app.session_state["look"] = "b"
    for _ in range(2):
        assert told(app.run()) == ["B"] and app.text[0].value == "b"


def test_what_is_not_offered_now_gives_way_and_a_choice_that_was_cleared_comes_back() -> None:
    app = AppTest.from_function(page).run()
    app.session_state["look"] = "b"
    app.run()
    app.session_state["look"] = None  # as Back and Forward leave it
    assert told(app.run()) == ["B"]
    app.toggle[0].set_value(False)
    assert told(app.run()) == ["A"] and app.text[0].value == "a"


def leaving() -> None:
    import streamlit as st

    from pages.ui.forms import segments

    if st.toggle("here", value=True):
        st.text(segments("Look at", {"a": "A", "b": "B"}, key="look"))


def test_who_comes_back_finds_the_last_choice() -> None:
    app = AppTest.from_function(leaving).run()
    app.session_state["look"] = "b"
    app.run()
    app.toggle[0].set_value(False).run()
    assert "look" not in app.session_state
    app.toggle[0].set_value(True)
    assert told(app.run()) == ["B"] and app.text[0].value == "b"


def bound() -> None:
    import streamlit as st

    from pages.ui.forms import segments

    st.text(segments("Look at", {"a": "A", "b": "B"}, key="look", bind="query-params"))


def test_a_choice_in_the_address_is_told_twice_and_then_left_to_the_browser() -> None:
    app = AppTest.from_function(bound).run()
    assert told(app) == ["A"]
    assert told(app.run()) == ["A"], "the second run may overtake the first"
    assert told(app.run()) == [], "a default that is repeated would win over Back"
    assert app.text[0].value == "a"
    app.session_state["look"] = None
    assert told(app.run()) == ["A"]


def test_a_link_may_name_a_value() -> None:
    app = AppTest.from_function(bound)
    app.query_params["look"] = "b"
    assert app.run().text[0].value == "b" and told(app) == ["B"]
