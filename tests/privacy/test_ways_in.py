"""No way in reaches ONNX Runtime before its reports are silenced."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from service import SILENCED

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
pytestmark = pytest.mark.slow  # each takes little, all of them much
# The C library's environment is what ONNX Runtime reads, and it does when it is imported.
PROBE = """
import ctypes, sys
class First:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            getenv = ctypes.CDLL(None).getenv
            getenv.restype = ctypes.c_char_p
            print("onnxruntime", getenv(b"ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, First())
"""
JUDGE = "from service.settings import load_settings as s; Analyzer.load(s())"
WAYS = {
    "command line": "import service.cli, onnxruntime",
    "gunicorn": "import service.gunicorn_conf, onnxruntime",
    "application": "from service.app import create_app; import onnxruntime",
    "analyzer": f"from service.analysis.image import Analyzer; {JUDGE}",
    "predictor": "from service.cloud.predictor import Predictor; import onnxruntime",
    "consumer": "from service.cloud.consumer import Consumer; import onnxruntime",
    "detector of one's own": "from service.sdk import FaceDetectorPlugin; import onnxruntime",
    "Lambda": "import service.cloud.lambda_handler, onnxruntime",
    "SageMaker": "import service.api.sagemaker, onnxruntime",
    "training": "import training.export.export",
    "quantising": "import training.export.quantise",
    "scripts": "import scripts.bench.live, onnxruntime",
    "tests": "import tests, onnxruntime",
}


def first_import(code: str, **environment: str) -> str:
    """What a fresh interpreter saw when ONNX Runtime was imported."""
    clean = {name: value for name, value in os.environ.items() if name not in SILENCED}
    ran = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", PROBE + code],
        env=clean | environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return ran.stdout


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS.keys())
def test_it_is_silenced_before_the_first_import(code: str) -> None:
    """Even where somebody has switched reports on."""
    seen = first_import(code, ORT_DISABLE_TELEMETRY="0").splitlines()
    if not seen and "training" in code:
        pytest.skip("what training needs is not installed")
    assert seen[0] == "onnxruntime b'1'"


def test_it_is_silenced_where_nobody_said_anything() -> None:
    assert first_import(WAYS["command line"]).splitlines()[0] == "onnxruntime b'1'"


def test_the_probe_sees_an_import_that_is_not_silenced() -> None:
    assert first_import("import onnxruntime, service").strip() == "onnxruntime None"


def test_an_import_that_came_too_early_is_warned_of() -> None:
    code = "import onnxruntime, warnings; warnings.simplefilter('error'); import service"
    clean = {name: value for name, value in os.environ.items() if name not in SILENCED}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=False
    )
    assert "import service first" in ran.stderr


def test_every_file_that_imports_it_belongs_to_a_package_that_silences_it() -> None:
    packages = {"service", "training", "scripts", "tests"}
    files = [file for file in ROOT.rglob("*.py") if not hidden(file) and imports_it(file)]
    assert files
    assert {file.relative_to(ROOT).parts[0] for file in files} <= packages
    for package in packages - {"service"}:
        assert "import service" in (ROOT / package / "__init__.py").read_text()


def hidden(file: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(ROOT).parts)


def imports_it(file: Path) -> bool:
    """Whether one of its import statements names ONNX Runtime."""
    text = file.read_text()
    for node in ast.walk(ast.parse(text)) if "onnxruntime" in text else ():
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == "onnxruntime" for name in names):
            return True
    return False


def test_images_units_and_manifests_say_it_as_well() -> None:
    for file in ("Dockerfile", "deploy/systemd/facegate.service"):
        assert "ORT_DISABLE_TELEMETRY=1" in (ROOT / file).read_text()
    for file in ("compose.yaml", "kubernetes/facegate.yaml", "swarm/stack.yaml"):
        text = (DEPLOY / file).read_text()
        assert list(yaml.safe_load_all(text))
        assert "ORT_DISABLE_TELEMETRY" in text


def test_what_is_silenced_is_documented() -> None:
    text = (ROOT / "docs/running.md").read_text()
    assert all(f"`{name}={value}`" in text for name, value in SILENCED.items())
