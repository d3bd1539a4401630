"""The document around pieces of a page: style, script, data, and a policy that allows no request.

Shared by every page of this package; nothing here knows what is shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from ..io.shown import html_text
from ..io.tables import finite
from .markup import Markup, tag

_SCRIPTS = ("readout.js", "table.js", "page.js")


def document(title: str, main: Markup, data: Mapping[str, Any]) -> str:
    """Return the whole file.

    Parameters
    ----------
    title : str
        Of the document, and its first heading.
    main : Markup
    data : mapping
        What the script reads, by the identifier of the element it belongs to.
    """
    style = _file("page.css")
    script = '"use strict";\n' + "\n".join(map(_file, _SCRIPTS))
    shell = tag("h1", title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{html_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the verdict</a>\n'
        f'<header>{shell}</header>\n<main id="main" tabindex="-1">{main}</main>\n'
        f'<script type="application/json" id="data">{embedded(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that cannot end the script element it is in, whatever the labels are."""
    text = json.dumps(finite(dict(data)), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _policy(style: str, script: str) -> str:
    """Allow this style, this script, and pictures that are part of the file; nothing else."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
