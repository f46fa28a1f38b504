"""Text from users and files, made harmless before it is shown."""

from __future__ import annotations

import html
import re

_MARKDOWN = re.compile(r"([\\`*_\[\]!$:<#~|])")


def plain(text: object) -> str:
    """Escape what Markdown, LaTeX and HTML would interpret: class names, titles and messages are shown as they are."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def breakable(formula: str) -> str:
    """A formula that can go on in a new line where its column is narrow: TeX breaks none inside a pair of fences."""
    unfenced = re.sub(r"\\(left|right)(?![a-z])", "", formula)
    return unfenced.replace(r",\quad", r",\allowbreak\quad").replace(r" \quad", r" \allowbreak\quad")


def plain_names(names: list[str]) -> list[str]:
    """Escape what Plotly takes for HTML in names and ticks."""
    return [html.escape(name, quote=False) for name in names]
