"""`facegate audit verify|export|head`, on what a service and commands wrote."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.commands.conftest import Run
from tests.images import encode, genuine
from tests.live import Live, data_uri

ON = {"audit": "required"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a service that judged, refused and was stopped in order."""
    folder = tmp_path_factory.mktemp("told")
    with Live(folder, probability=0.233, workers=2, **ON) as live:
        for _ in range(3):
            assert live.analyze(genuine()).status_code == 200
        empty = encode(Image.new("RGB", (600, 600), "grey"))
        assert live.analyze(empty).json()["code"] == "FACE_NOT_FOUND"
        liveness = {"hash_id": live.hash_id, "selfie_image": data_uri(genuine())}
        assert live.post("/liveness", json=liveness).status_code == 200
    return folder / "data"


@pytest.fixture
def data(told: Path, tmp_path: Path) -> Path:
    """A copy to be harmed; the command's own data folder."""
    return Path(shutil.copytree(told, tmp_path / "data"))


def bodies(data: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(data / "facegate.db") as db:
        rows = db.execute("SELECT body FROM audit ORDER BY chain, n").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_each_judgement_and_refusal_is_in_it_and_no_secret(data: Path) -> None:
    found = bodies(data)
    judged = [one for one in found if one["kind"] == "judgement"]
    assert sorted(one["contract"] for one in judged) == ["/liveness", *["/v1/analyze"] * 3]
    (refused,) = [one for one in found if one["kind"] == "refusal"]
    assert refused["reasons"] == ["FACE_NOT_FOUND"]
    for one in judged:
        assert one["decision"] == "bona_fide"
        assert len(one["actor"]) == len(one["sha256"]) == 64
        assert {"score", "threshold", "model", "reasons", "at", "result"} <= one.keys()
    text = json.dumps(found)
    assert "fg_" not in text
    assert "base64," not in text


def test_a_sound_log(facegate: Run, data: Path) -> None:
    ran = facegate("audit", "verify")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "nothing is wrong" in ran.stdout


def test_a_changed_score_is_named(facegate: Run, data: Path) -> None:
    with sqlite3.connect(data / "facegate.db") as db:
        db.execute("DROP TRIGGER audit_no_update")
        query = "SELECT chain, n, body FROM audit WHERE body LIKE '%\"judgement\"%' LIMIT 1"
        chain, n, body = db.execute(query).fetchone()
        harmed = body.replace('"decision":"bona_fide"', '"decision":"deepfake"')
        db.execute("UPDATE audit SET body = ? WHERE chain = ? AND n = ?", (harmed, chain, n))
    ran = facegate("audit", "verify")
    assert ran.returncode == 1
    assert f"entry {chain}/{n}: changed, or not written by this service" in ran.stdout


def test_the_last_entry_taken_away_is_named(facegate: Run, data: Path) -> None:
    with sqlite3.connect(data / "facegate.db") as db:
        db.execute("DROP TRIGGER audit_no_delete")
        chain, n = db.execute("SELECT chain, max(n) FROM audit GROUP BY chain").fetchone()
        db.execute("DELETE FROM audit WHERE chain = ? AND n = ?", (chain, n))
    ran = facegate("audit", "verify")
    assert ran.returncode == 1
    assert f"entries {chain}/{n} to {n}: missing" in ran.stdout


def test_an_auditor_checks_an_export_with_the_public_key(
    facegate: Run, data: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(facegate("audit", "export").stdout)
    public = next(one["key"] for one in bodies(data) if one["kind"] == "begin")
    elsewhere = {"data_dir": tmp_path / "auditor"}
    ran = facegate("audit", "verify", log, "--key", public, **elsewhere)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "key that is not known" in facegate("audit", "verify", log, **elsewhere).stdout
    log.write_text(log.read_text().replace("bona_fide", "deepfake", 1))
    assert facegate("audit", "verify", log, "--key", public, **elsewhere).returncode == 1
    assert not (tmp_path / "auditor").exists() or not list((tmp_path / "auditor").glob("*.key"))


def test_an_anchor_shows_that_a_whole_log_was_put_back(
    facegate: Run, data: Path, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor.json"
    anchor.write_text(facegate("audit", "head").stdout)
    assert facegate("audit", "verify", "--anchor", anchor).returncode == 0
    (data / "facegate.db").unlink()
    facegate("licence", "issue", "Bank", **ON)  # begins another log
    assert facegate("audit", "verify").returncode == 0
    ran = facegate("audit", "verify", "--anchor", anchor)
    assert (ran.returncode, "missing, by the anchor" in ran.stdout) == (1, True)


def test_a_lost_key_is_told(facegate: Run, data: Path) -> None:
    (data / "audit.key").unlink()
    ran = facegate("audit", "verify")
    assert ran.returncode == 1
    assert "key that is not known" in ran.stdout
    assert not (data / "audit.key").exists()


def test_administrative_acts(facegate: Run, tmp_path: Path) -> None:
    facegate("licence", "issue", "Bank", **ON)
    facegate("licence", "revoke", "Bank", **ON)
    acts = [one for one in bodies(tmp_path / "data") if one["kind"] == "act"]
    assert {one["act"] for one in acts} == {"licence issued", "licence revoked"}
    assert len({one["licence"] for one in acts}) == 1
    assert all(one["actor"] for one in acts)
    assert facegate("audit", "verify").returncode == 0


def test_a_log_that_is_not_there(facegate: Run, tmp_path: Path) -> None:
    facegate("licence", "issue", "Bank")  # makes the store
    ran = facegate("audit", "verify")
    assert (ran.returncode, ran.stdout, "has no entry" in ran.stderr) == (3, "", True)
    ran = facegate("audit", "verify", "/dev/null")
    assert (ran.returncode, ran.stdout, "has no entry" in ran.stderr) == (3, "", True)
    ran = facegate("audit", "head")
    assert (ran.returncode, "no checkpoint yet" in ran.stderr) == (3, True)
    ran = facegate("audit", "verify", tmp_path / "none.jsonl")
    assert (ran.returncode, "cannot be read" in ran.stderr) == (3, True)
    (tmp_path / "a.json").write_text("[]")
    ran = facegate("audit", "verify", "--anchor", tmp_path / "a.json")
    assert (ran.returncode, "is no checkpoint" in ran.stderr) == (3, True)


def test_a_command_without_a_store_writes_a_file(
    facegate: Run, models: dict[str, Path], selfie: Path, tmp_path: Path
) -> None:
    more = {"models_dir": models["bona_fide"], "fusion": "average", **ON}
    assert facegate("detect", selfie, **more).returncode == 0
    (file,) = (tmp_path / "data" / "audit").iterdir()
    judged = [line for line in file.read_text().splitlines() if "judgement" in line]
    assert '\\"actor\\":\\"operator\\"' in judged[0]
    assert "nothing is wrong" in facegate("audit", "verify").stdout


def test_where_the_log_cannot_be_kept_nothing_is_judged(tmp_path: Path) -> None:
    """A full disk, as one that takes no byte."""
    with Live(tmp_path, probability=0.233, store="null", **ON) as live:
        assert live.analyze(genuine()).status_code == 200
        (file,) = (tmp_path / "data" / "audit").iterdir()
        assert file.exists()
        shutil.rmtree(tmp_path / "data" / "audit")
        (tmp_path / "data" / "audit").write_text("in the way")
        answer = live.analyze(genuine())
        assert (answer.status_code, answer.json()["code"]) == (503, "AUDIT_UNAVAILABLE")
        (tmp_path / "data" / "audit").unlink()
        assert live.analyze(genuine()).status_code == 200
        assert "facegate_audit_lost_total 1.0" in live.get("/metrics").text
