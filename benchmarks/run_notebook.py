"""Run the code cells of a notebook in this process, and keep what they show: no kernel is needed.

    python benchmarks/run_notebook.py [benchmarks/tutorial.ipynb] [--out FILE.ipynb]

With --out the notebook is written with what it shows. The tests run its cells.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import script

TUTORIAL = Path(__file__).resolve().parent / "tutorial.ipynb"


def run(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run all code cells in order, in an empty folder, and put in them what they show.

    The first that raises ends it, with a note that names the cell.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        for number, cell in enumerate(code, 1):
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    value = _value("".join(cell["source"]), names)
            except Exception as error:
                error.add_note(f"in code cell {number}")
                raise
            cell["execution_count"] = number
            cell["outputs"] = [*_stream(printed.getvalue()), *_result(value, number)]
    return notebook


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Run in a folder, where the tutorial may write files."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _value(source: str, names: dict[str, Any]) -> Any:
    """Run a cell and return what its last line is, as IPython does."""
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    exec(compile(tree, "<cell>", "exec"), names)
    if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)


def _stream(text: str) -> list[dict[str, Any]]:
    if not text:
        return []
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}]


def _result(value: Any, number: int) -> list[dict[str, Any]]:
    if value is None:
        return []
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    if hasattr(value, "_repr_html_") and (page := value._repr_html_()):
        data["text/html"] = page.splitlines(keepends=True)
    if hasattr(value, "_repr_png_"):
        data["image/png"] = base64.b64encode(value._repr_png_()).decode()
    return [
        {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}
    ]


QUICK = 5
"""So many cells, text included, run under `--quick`; a test runs all of them."""


def main() -> None:
    parser = script.make_parser(__doc__ or "")
    parser.add_argument("--out", type=Path, metavar="FILE.ipynb", help="keep what its cells show")
    parser.add_argument("notebook", type=Path, nargs="?", default=TUTORIAL)
    options = parser.parse_args()
    script.require("matplotlib")
    script.require_folder(options.out)
    notebook = json.loads(options.notebook.read_text(encoding="utf-8"))
    if options.quick:
        notebook["cells"] = notebook["cells"][:QUICK]
    found = run(notebook)
    if options.out is not None:
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        options.out.write_text(text, encoding="utf-8")
    print("| cell | begins | shows |")
    print("|---|---|---|")
    for cell in found["cells"]:
        if cell["cell_type"] == "code":
            shown = [name for output in cell["outputs"] for name in output.get("data", ["text"])]
            first = cell["source"][0].strip()
            print(f"| {cell['execution_count']} | `{first}` | {', '.join(shown)} |")


if __name__ == "__main__":
    main()
