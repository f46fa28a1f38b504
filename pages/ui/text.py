"""Text from users and files, made harmless before it is shown."""

from __future__ import annotations

import html
import re

_MARKDOWN = re.compile(r"([\\`*_\[\]!$:<#~|])")


def plain(text: object) -> str:
    """Escape what Markdown, LaTeX and HTML would interpret: class names, titles and messages are shown as they are."""
    return _MARKDOWN.sub(r"\\\1", " ".join(str(text).split()))


def plain_names(names: list[str]) -> list[str]:
    """Escape what Plotly takes for HTML in names and ticks."""
    return [html.escape(name, quote=False) for name in names]
