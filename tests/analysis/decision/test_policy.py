"""A fusion is deployed in one step, taken over without a restart, and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.analysis.decision import policy
from service.analysis.image import Analyzer
from service.repository import deployed
from service.settings import Settings
from tests.images import genuine
from tests.models import make_detector


@pytest.fixture
def here(models_dir: Path) -> Settings:
    make_detector(models_dir, "a")
    make_detector(models_dir, "b", gain=2.0)
    return Settings(models_dir=models_dir, data_dir=models_dir / "data")


def stack(settings: Settings, version: str, **changes: Any) -> str:
    """A fusion that gives every face 0.88 and lies where fitted ones do."""
    folder = deployed.stacks(settings) / version
    folder.mkdir(parents=True)
    manifest = {
        "name": "ensemble",
        "version": version,
        "kind": "fusion",
        "inputs": [{"name": name, "version": "1.0.0", "weight": 0.0} for name in "ab"],
        "intercept": 2.0,
        "operating_points": [{"bpcer": 0.05, "threshold": 0.7}],
        "default_bpcer": 0.05,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return version


def test_nothing_is_deployed_at_first(here: Settings) -> None:
    assert deployed.deployed(here) is None
    with pytest.raises(LookupError):
        deployed.roll_back(here)


def test_back_goes_one_by_one(here: Settings) -> None:
    for version in ("1", "2", "3"):
        deployed.deploy(here, stack(here, version))
    assert [deployed.roll_back(here) for _ in range(3)] == ["2", "1", None]
    assert deployed.deployed(here) is None


def test_the_link_holds_in_a_folder_that_was_moved(here: Settings, tmp_path: Path) -> None:
    deployed.deploy(here, stack(here, "1"))
    here.data_dir.rename(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "models" / "ensemble" / "manifest.json").exists()


def test_a_running_analyzer_takes_over_what_is_deployed_and_goes_back(here: Settings) -> None:
    analyzer = Analyzer.load(here)
    before = analyzer.analyze(genuine())
    deployed.deploy(here, stack(here, "1"))
    now = analyzer.analyze(genuine())
    assert (before.fusion, now.fusion) == ("average", "stacking")
    assert (now.probability, now.threshold) == (pytest.approx(0.8808, abs=1e-4), 0.7)
    assert now.fingerprint == analyzer.fingerprint != before.fingerprint
    assert analyzer.policy.fusion_of("stacking", ["a", "b"]).name == "stacking"
    deployed.roll_back(here)
    assert analyzer.analyze(genuine()).fingerprint == before.fingerprint


def test_an_unusable_one_leaves_the_old_one_in_force_and_is_told_once(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    from service.runtime import logs

    logs.configure("info")
    deployed.deploy(here, stack(here, "1"))
    analyzer = Analyzer.load(here)
    deployed.deploy(here, stack(here, "2", intercept="high"))
    assert [analyzer.analyze(genuine()).threshold for _ in range(2)] == [0.7, 0.7]
    assert capsys.readouterr().err.count("fusion not taken over") == 1
    deployed.deploy(here, stack(here, "3", operating_points=[{"bpcer": 0.05, "threshold": 0.6}]))
    assert analyzer.analyze(genuine()).threshold == 0.6


def test_nothing_is_opened_again_while_nothing_changes(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyzer = Analyzer.load(here)
    before = analyzer.policy
    monkeypatch.setattr(policy, "open_fusion", None)
    assert analyzer.policy is before


def test_what_is_fitted_to_holds_still(here: Settings) -> None:
    analyzer = Analyzer.load(here, calibrated=False)
    deployed.deploy(here, stack(here, "1"))
    assert analyzer.analyze(genuine()).fusion == "average"


def test_while_one_thread_opens_the_new_one_the_others_go_on(here: Settings) -> None:
    analyzer = Analyzer.load(here)
    old = analyzer.policy
    deployed.deploy(here, stack(here, "1"))
    with analyzer._current._lock:  # as the one that noticed first holds it
        assert analyzer.policy is old
    assert analyzer.policy is not old
