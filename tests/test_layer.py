"""The built artefacts as Lambda sees them: the emulator would hide a missing dependency behind its own packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import localaws

ROOT = Path(__file__).resolve().parent.parent

MODULES = sorted(
    ".".join(path.relative_to(ROOT / "shared").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "shared" / "koppeling").rglob("*.py")
)

pytestmark = [
    pytest.mark.localaws,
    pytest.mark.skipif(sys.platform != "linux", reason="the layer is built for Linux, and runs nowhere else"),
]


@pytest.fixture(scope="module")
def built() -> Path:
    """What `sam build` makes of the sources as they are."""
    return localaws.build()


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the packages that Lambda's runtime brings, and no others."""
    directory = tmp_path_factory.mktemp("runtime")
    localaws.lambda_runtime(directory)
    return directory


def _import(modules: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """In a Python without site-packages and without our environment, and leaving no caches in what is deployed."""
    program = f"import sys; sys.path[:0] = {[str(entry) for entry in path]!r}; import {modules}"
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-S", "-B", "-c", program], env={}, capture_output=True, text=True, check=False
    )


def test_layer_is_complete(built: Path, runtime: Path) -> None:
    """Every shared module imports from the layer and the runtime alone, with an empty environment."""
    assert "koppeling.settings" in MODULES
    done = _import(", ".join(MODULES), built / "Layer" / "python", runtime)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["WebhookFunction", "WorkerFunction", "PollerFunction"])
def test_function_is_complete(name: str, built: Path, runtime: Path) -> None:
    """Every handler imports from its own directory, the layer and the runtime, with an empty environment."""
    done = _import("app", built / name, built / "Layer" / "python", runtime)
    assert (done.returncode, done.stderr) == (0, "")


def test_layer_carries_nothing_else(built: Path) -> None:
    """The layer holds no boto3, no tests and no caches, and is far below Lambda's 250 MB."""
    python = built / "Layer" / "python"
    assert {"boto3", "botocore", "tests", "pytest"} & {path.name for path in python.iterdir()} == set()
    assert list((python / "koppeling").rglob("__pycache__")) == []
    assert sum(path.stat().st_size for path in python.rglob("*") if path.is_file()) < 40_000_000
