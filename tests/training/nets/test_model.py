"""What is shipped is what was measured; and the network exports to what the service expects."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from service.analysis.face.crop import FILL, normalise
from service.repository.initializers import read_initializer
from service.repository.session import open_session
from training.report.card import document, method, robustness
from training.report.card.document import write_card

FOLDER = Path(__file__).parents[3] / "service" / "models" / "lite0"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


@pytest.fixture(scope="module")
def session() -> ort.InferenceSession:
    return open_session(FOLDER / "model.onnx")


def test_manifest_fits_the_file() -> None:
    digest = hashlib.sha256((FOLDER / MANIFEST["file"]).read_bytes()).hexdigest()
    assert MANIFEST["sha256"] == digest
    assert MANIFEST["kind"] == "detector"
    assert MANIFEST["licence"] == "Apache-2.0"


def test_shapes(session: ort.InferenceSession) -> None:
    size = MANIFEST["input"]["size"]
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("image", [1, 3, size, size])]
    assert [(o.name, o.shape) for o in session.get_outputs()] == [
        ("logit", [1, 1]),
        ("cam", [1, 7, 7]),
        ("features", [1, 1281]),
    ]


def shares(file: Path, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(what each species is of all of them, what each has of the channels)."""
    weight, bias = (read_initializer(file, f"species.{name}") for name in ("weight", "bias"))
    of_channels = features[0, :-1] @ weight.reshape(len(bias), -1).T
    share = np.exp(of_channels + bias - features[0, -1])
    assert share.sum() == pytest.approx(1, abs=1e-3)
    return share, of_channels


def test_the_map_explains_the_score(session: ort.InferenceSession) -> None:
    """The map's mean is what the species found have of the channels; the logit is all of them."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        image = rng.uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)
        logit, cam, features = session.run(["logit", "cam", "features"], {"image": image})
        share, of_channels = shares(FOLDER / MANIFEST["file"], features)
        assert cam.mean() == pytest.approx(share @ of_channels, abs=1e-2)
        assert logit[0, 0] == pytest.approx(features[0, -1], abs=1e-4)


def test_thresholds_rise_as_the_accepted_bpcer_falls() -> None:
    points = sorted(MANIFEST["operating_points"], key=lambda point: point["bpcer"])
    thresholds = [point["threshold"] for point in points]
    assert thresholds == sorted(thresholds, reverse=True)
    assert all(0 < threshold < 1 for threshold in thresholds)
    assert MANIFEST["default_bpcer"] in [point["bpcer"] for point in points]


@pytest.mark.parametrize("name", ["lite0", "clip"])
def test_the_shipped_card_tells_the_shipped_figures(name: str, tmp_path: Path) -> None:
    folder = FOLDER.parent / name
    figures, manifest = (
        json.loads((folder / file).read_text()) for file in ("metrics.json", "manifest.json")
    )
    write_card(tmp_path, figures)
    assert (tmp_path / "card.md").read_text() == (folder / "card.md").read_text()
    assert figures["model"]["version"] == manifest["version"]
    shipped = [point["threshold"] for point in manifest["operating_points"]]
    assert [p["threshold"] for p in figures["test"]["operating_points"]] == shipped


def test_the_card_tells_what_transfers() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    worse = {**figure, "value": 0.45}
    seen, left_out = {"auc": figure, "missed": figure}, {"auc": worse, "missed": figure}
    species = {"dfdc": {"fakes": 7, "seen": seen, "left_out": left_out}}
    refused = {"seen": {"bpcer": figure}, "left_out": {"bpcer": {**figure, "value": 0.55}}}
    sources = {"lfw": {"genuine": 9, **refused}}
    found = {"views": 9000, "epochs": 8, "species": species, "sources": sources}
    told = document._transfer({"transfer": found})
    assert "9,000 views (8 epochs)" in told
    assert "| face swaps (DFDC) | 7 | 0.500 (0.400-0.600) | 0.450 (0.400-0.600) | 0.500 (" in told
    assert "| lfw | 9 | 0.500 (0.400-0.600) | 0.550 (0.400-0.600) |" in told
    assert document._transfer({}) == ""


def test_the_card_names_the_copies_that_were_learned_from() -> None:
    told = method._made({"swaps": True, "latent_copies": 2056, "restoration_copies": 1301})
    assert "copies by a latent autoencoder (2,056), copies by super-resolution" in told
    assert "(1,301) (those of other faces than training's were left out)" in told
    assert "left out" not in method._made({"swaps": True})


def test_the_cards_tell_what_was_left_out() -> None:
    for name, told in (("clip", True), ("lite0", False)):
        card_text = (FOLDER.parent / name / "card.md").read_text()
        assert ("## What transfers" in card_text) == told
        assert "a genuine source that training has not seen" in card_text


def test_the_card_tells_of_restored_faces_and_whether_training_had_some() -> None:
    for learned in (True, False):
        told = robustness._copied(
            "restoration_copies", {"restoration_copies": 5} if learned else {}
        )
        assert ("The restored faces had been shrunk" in told) == learned
        assert ("No restored faces were in training." in told) != learned


def test_fill_is_the_networks_zero() -> None:
    crop = np.full((224, 224, 3), FILL, np.uint8)
    given = MANIFEST["input"]
    assert np.abs(normalise(crop, given["mean"], given["std"])).max() < 1e-6


@pytest.mark.parametrize("name", ["lite0", "clip"])
def test_training_and_serving_normalise_alike(name: str) -> None:
    torch = pytest.importorskip("torch")
    recipe = pytest.importorskip("training.nets.nets").RECIPES[name]
    crop = np.random.default_rng(0).integers(0, 255, (224, 224, 3), dtype=np.uint8)
    served = normalise(crop, recipe.mean, recipe.std)
    trained = recipe.tensor(torch.from_numpy(crop[None])).numpy()
    assert np.abs(served - trained).max() < 1e-5


def test_export_gives_what_torch_gives(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite_pytorch")
    from training.export.export import TOLERANCE, export
    from training.nets.model import FaceNet

    assert export(FaceNet(pretrained=False).eval(), tmp_path / "m", "0.0.0") < TOLERANCE
    assert json.loads((tmp_path / "m" / "manifest.json").read_text())["name"] == "m"


def test_another_head_may_be_laid_over_the_exported_one(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite_pytorch")
    from training.export.export import export
    from training.nets.model import FaceNet

    export(FaceNet().eval(), tmp_path, "0.0.0")
    session = open_session(tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    head = {"head.weight": rng.normal(0, 1, (1, 1281)), "head.bias": np.array([0.5])}
    given = {"image": rng.normal(0, 1, (1, 3, 224, 224)), **head}
    feed = {name: value.astype(np.float32) for name, value in given.items()}
    logit, cam, features = session.run(["logit", "cam", "features"], feed)
    assert logit == pytest.approx(features @ head["head.weight"].T + 0.5, abs=1e-3)
    own = head["head.weight"][0]
    share, of_channels = shares(tmp_path / "model.onnx", features)
    explained = own[:-1] @ features[0, :-1] + own[-1] * share @ of_channels
    assert cam.mean() == pytest.approx(explained, abs=1e-2)
