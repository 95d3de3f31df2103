"""The matrix is worth something only while it turns red for every guard that is taken out of our code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.localaws import ROOT, LocalAws
from tests.chaos.variants import VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_missing_guard_turns_the_matrix_red(
    parts: tuple[LocalAws, str, str], tmp_path: Path, variant: Variant
) -> None:
    """A copy of our code without this guard breaks the invariant that the guard is for, in every cell named."""
    copy = tmp_path / "koppeling"
    shutil.copytree(ROOT / "shared" / "koppeling", copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in variant.changes:
        source = (copy / name).read_text(encoding="utf-8")
        assert source.count(old) == 1, f"{name} no longer holds what this variant takes out: {old}"
        (copy / name).write_text(source.replace(old, new), encoding="utf-8")
    local, shop, books = parts
    cells = [f"{effect} x {fault}" for effect, fault in variant.red]
    done = subprocess.run(  # noqa: S603 -- our own module
        [
            *(sys.executable, "-m", "tests.chaos.variants"),
            *(json.dumps({"aws": local.endpoint, "shop": shop, "books": books}), *cells),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["koppeling"] == str(copy), "not the copy was tried"
    found = dict(zip(variant.red, (told["found"][cell] for cell in cells), strict=True))
    for cell, kind in variant.red.items():
        assert kind in found[cell], f"{cell}: {found[cell]}"
