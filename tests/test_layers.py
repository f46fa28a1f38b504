"""The house rules on imports: they point down only, nothing heavy loads early, and core knows no Streamlit."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "sklearn", "umap"}
PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "pages").rglob("*.py"))
UI_MODULES = [".".join(path.with_suffix("").parts) for path in PAGES if path.parent.name == "ui"]


def layer_table() -> dict[str, int]:
    """Module of core to layer, as the docstring of the package lists them."""
    table: dict[str, int] = {}
    layer = -1
    for line in (core.__doc__ or "").splitlines():
        number = re.match(r"\d+(?=\s)", line)
        layer = int(number[0]) if number else layer
        if number or (layer >= 0 and line.startswith("   ")):
            names = re.findall(r"``(\w+)``", line[:68])
            assert not set(names) & set(table), f"listed twice: {names}"
            table |= dict.fromkeys(names, layer)
    return table


def modules_of_core() -> set[str]:
    """The top-level modules and packages in core/."""
    paths = [path for path in (ROOT / "core").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    return {path.stem for path in paths} - {"__init__"}


def imported(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    """Dotted names that a module imports anywhere, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module or "") if part)
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def at_module_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run on import: not the bodies of functions, nor what only a type checker reads."""
    pending, found = list(tree.body), []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        found.append(node)
        pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def test_every_module_of_core_has_a_layer() -> None:
    assert set(layer_table()) == modules_of_core()


def test_imports_in_core_point_down_only() -> None:
    table, seen, wrong = layer_table(), 0, []
    for path in sorted((ROOT / "core").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        package = ".".join(parts if path.name == "__init__.py" else parts[:-1])
        here = parts[1]
        for name, line in imported(ast.parse(path.read_text()), package):
            target = name.split(".")[1] if name.startswith("core.") else None
            if target is None or target not in table or here == "__init__":
                continue
            seen += 1
            if table[target] > table[here]:
                wrong.append(f"{path.relative_to(ROOT)}:{line} (layer {table[here]}) imports {target} ({table[target]})")
    assert seen > 50, "the walk finds no imports any more"
    assert not wrong, "\n".join(wrong)


def test_core_knows_neither_streamlit_nor_the_pages() -> None:
    for path in (ROOT / "core").rglob("*.py"):
        tops = {name.split(".")[0] for name, _ in imported(ast.parse(path.read_text()), "core")}
        assert not tops & {"streamlit", "pages", "app"}, path


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_pages_import_nothing_heavy_at_module_level(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text())
    tops = {
        name.split(".")[0]
        for node in at_module_level(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name, _ in imported(node, "pages")
    }
    assert not tops & HEAVY


def loaded_after(code: str, env: dict[str, str]) -> set[str]:
    """Top-level packages that a fresh interpreter holds after running some code."""
    report = f"{code}\nimport sys\nprint('LOADED', *sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", report], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("LOADED", 1)[1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import core.registry\nassert len(core.registry.methods()) >= 5",
        "import core.runs, core.params",
        "import core.jobs",
        "import core.cli",
    ],
)
def test_declarations_records_and_jobs_load_nothing_heavy(code: str, worker_env: Callable[..., dict[str, str]]) -> None:
    loaded = loaded_after(code, worker_env())
    assert "core" in loaded
    assert not loaded & {*HEAVY, "streamlit"}


def test_shared_page_modules_load_nothing_heavy(worker_env: Callable[..., dict[str, str]]) -> None:
    assert UI_MODULES
    loaded = loaded_after("\n".join(f"import {module.removesuffix('.__init__')}" for module in UI_MODULES), worker_env())
    assert {"pages", "streamlit"} <= loaded
    assert not loaded & HEAVY
