"""The house rules on imports: they point down only, nothing heavy loads early, and core knows no Streamlit."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "sklearn", "umap", "openTSNE"}
PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "pages").rglob("*.py"))
UI_MODULES = [".".join(path.with_suffix("").parts) for path in PAGES if path.parent.name == "ui"]


MAP = ROOT / "core" / "README.md"


def allowed_imports() -> dict[str, set[str]]:
    """Room to the rooms that it may use, as the table of the map lists them."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", MAP.read_text(), flags=re.MULTILINE)
    return {room: {name.strip() for name in used.split(",") if name.strip()} for room, used in rows}


def rooms() -> set[str]:
    """The folders of core/; no module stands beside them."""
    return {path.name for path in (ROOT / "core").iterdir() if (path / "__init__.py").exists()}


def room_imports() -> Iterator[tuple[Path, int, str, str]]:
    """Every import of one room in another: file, line, room, room that is imported."""
    for path in sorted((ROOT / "core").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        package = ".".join(parts if path.name == "__init__.py" else parts[:-1])
        for name, line in imported(ast.parse(path.read_text()), package):
            target = name.split(".")[1] if name.startswith("core.") else ""
            if target in rooms() and parts[1] in rooms() and target != parts[1]:
                yield path.relative_to(ROOT), line, parts[1], target


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


def test_the_map_lists_every_room_and_nothing_stands_outside_a_room() -> None:
    assert set(allowed_imports()) == rooms()
    loose = {path.name for path in (ROOT / "core").glob("*.py")}
    assert loose == {"__init__.py", "__main__.py"}


def test_the_map_is_sorted_from_the_ground_up_so_no_circle_fits_in() -> None:
    below: set[str] = set()
    for room, used in allowed_imports().items():
        assert used <= below, f"{room} may use {used - below}, which stand above it"
        below.add(room)


def test_rooms_import_what_the_map_allows_and_use_all_of_it() -> None:
    table, used = allowed_imports(), {room: set() for room in rooms()}
    wrong = []
    for path, line, here, target in room_imports():
        used[here].add(target)
        if target not in table[here]:
            wrong.append(f"{path}:{line}: {here} may not use {target}")
    assert sum(map(len, used.values())) > 30, "the walk finds no imports any more"
    assert not wrong, "\n".join(wrong)
    assert table == used, "the map allows what nobody uses"


@pytest.mark.parametrize("room", sorted(rooms()))
def test_a_room_says_what_it_holds_and_lists_its_public_names(room: str) -> None:
    tree = ast.parse((ROOT / "core" / room / "__init__.py").read_text())
    doc = ast.get_docstring(tree) or ""
    assert len(doc.splitlines()) >= 3 and "ses " in doc, "what it holds, and what it may use"
    named = {ast.unparse(target) for node in tree.body for target in getattr(node, "targets", [getattr(node, "target", node)])}
    assert "__all__" in named


def test_core_knows_neither_streamlit_nor_the_pages() -> None:
    for path in (ROOT / "core").rglob("*.py"):
        tops = {name.split(".")[0] for name, _ in imported(ast.parse(path.read_text()), "core")}
        assert not tops & {"streamlit", "pages", "app", "tests"}, path


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


@pytest.mark.journey
@pytest.mark.parametrize(
    "code",
    [
        "import core.methods.registry\nassert len(core.methods.registry.registered()) >= 5",
        "import core.runs, core.common.params",
        "import core.jobs",
        "import core.cli",
    ],
)
def test_declarations_records_and_jobs_load_nothing_heavy(code: str, worker_env: Callable[..., dict[str, str]]) -> None:
    loaded = loaded_after(code, worker_env())
    assert "core" in loaded
    assert not loaded & {*HEAVY, "streamlit"}


@pytest.mark.journey
def test_a_run_that_trains_no_network_loads_no_torch(worker_env: Callable[..., dict[str, str]]) -> None:
    """Importing torch takes longer than such a run; looking for a checkpoint that is not there used to do it."""
    code = "from core.cli import main\nassert main(['run', 'ridge', '--dataset', 'digits', '--n-samples', '60']) == 0"
    loaded = loaded_after(code, worker_env())
    assert "sklearn" in loaded
    assert "torch" not in loaded


@pytest.mark.journey
def test_shared_page_modules_load_nothing_heavy(worker_env: Callable[..., dict[str, str]]) -> None:
    assert UI_MODULES
    loaded = loaded_after("\n".join(f"import {module.removesuffix('.__init__')}" for module in UI_MODULES), worker_env())
    assert {"pages", "streamlit"} <= loaded
    assert not loaded & HEAVY
