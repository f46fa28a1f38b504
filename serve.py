"""The server of the app: `streamlit run serve.py`. It sends the style with the page, so that nothing moves when it paints."""

import streamlit as st
from starlette.middleware import Middleware

from pages.ui.departures import Departures
from pages.ui.firstpaint import FirstPaint
from pages.ui.presses import Presses

app = st.App("app.py", middleware=[Middleware(Departures), Middleware(Presses), Middleware(FirstPaint)])
