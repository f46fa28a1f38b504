"""Text from users and files, made harmless before it is shown."""

from __future__ import annotations

import html
import re

_ADDRESS = re.compile(r"(https?|ftp|www|mailto|xmpp|\w)(://|(?<=www)\.|(?<=mailto):|(?<=xmpp):|@)", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\`*_\[\]!$:<#~|])")

OWN_CODES = "A silhouette is measured in the codes of its own run: those of runs with different codes are not comparable."


def plain(text: object) -> str:
    """Escape what Markdown, LaTeX and HTML would interpret: class names, titles and messages are shown as they are.

    Addresses are no links either: a word joiner, which nobody sees, stands where Markdown would find them.
    """
    unlinked = _ADDRESS.sub("\\1\u2060\\2", " ".join(str(text).split()))
    return _MARKDOWN.sub(r"\\\1", unlinked)


def breakable(formula: str) -> str:
    """A formula that can go on in a new line where its column is narrow: TeX breaks none inside a pair of fences."""
    unfenced = re.sub(r"\\(left|right)(?![a-z])", "", formula)
    return re.sub(r"(\\;|(?<=[, ])\\quad)", r"\\allowbreak\1", unfenced)


def plain_names(names: list[str]) -> list[str]:
    """Escape what Plotly takes for HTML in names and ticks."""
    return [html.escape(name, quote=False) for name in names]
