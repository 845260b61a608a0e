"""Sessions over HTTP: where a site demands it, no contract judges without a fresh challenge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.api.test_signed import CONTRACTS, ask, stated
from tests.images import genuine
from tests.live import Live
from tests.servers import MongoServer

JUDGING = [path for path in CONTRACTS if path not in ("/v1/results", "/v1/model-card")]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers: what one of them has used up, the other one knows."""
    more = {"sessions": "required", "sign": True, "workers": 2}
    with Live(tmp_path_factory.mktemp("strict"), probability=0.233, **more) as service:
        yield service


def challenge(live: Live, hash_id: str | None = None) -> dict[str, str]:
    answer = live.post("/v1/sessions", headers={"X-Hash-Id": hash_id or live.hash_id})
    assert answer.status_code == 201, answer.text
    return {"Facegate-Challenge": answer.json()["challenge"]}


def code(answer: requests.Response) -> str:
    """Of a refusal, in whatever shape."""
    body = answer.json()
    return str(body.get("code") or body["error"]["code"])


@pytest.mark.parametrize("contract", JUDGING)
def test_no_contract_judges_without_one_and_each_does_with_it(strict: Live, contract: str) -> None:
    bare = ask(strict, contract)
    assert bare.status_code == 403
    assert code(bare) in ("CHALLENGE_MISSING", "412")
    assert "POST /v1/sessions gives one" in bare.text
    fresh = challenge(strict)
    good = ask(strict, contract, **fresh)
    assert good.ok, good.text
    assert stated(strict, good)["challenge"] == fresh["Facegate-Challenge"]
    again = ask(strict, contract, **fresh)
    assert (again.status_code, code(again) in ("CHALLENGE_USED", "414")) == (403, True)


def test_lines_want_one_too(strict: Live) -> None:
    headers = {"X-Hash-Id": strict.hash_id, "Content-Type": "application/jsonlines"}
    answer = strict.post("/invocations", data='"AAAA"', headers=headers)
    assert code(answer) == "CHALLENGE_MISSING"
    answer = strict.post("/invocations", data='"AAAA"', headers=headers | challenge(strict))
    assert answer.status_code == 200


def test_it_is_bound_to_the_licence_that_asked(strict: Live) -> None:
    other = challenge(strict, strict.issue(name="other"))
    assert code(ask(strict, "/v1/analyze", **other)) == "CHALLENGE_UNKNOWN"


def test_a_refused_request_costs_no_quota(strict: Live) -> None:
    hash_id = strict.issue(name="few", per_day=1)
    upload = {"image": genuine()}
    for _ in range(2):
        answer = strict.post("/v1/analyze", files=upload, headers={"X-Hash-Id": hash_id})
        assert code(answer) == "CHALLENGE_MISSING"
    headers = {"X-Hash-Id": hash_id} | challenge(strict, hash_id)
    assert strict.post("/v1/analyze", files=upload, headers=headers).status_code == 200


def test_who_may_not_judge_gets_none(strict: Live) -> None:
    assert code(strict.post("/v1/sessions")) == "LICENCE_UNKNOWN"
    answer = strict.post("/v1/sessions", headers={"Authorization": "Bearer a.b.c"})
    assert code(answer) == "WRONG_TOKEN"


def test_elsewhere_one_that_is_given_is_looked_at(live: Live) -> None:
    assert ask(live, "/v1/analyze").status_code == 200
    answer = ask(live, "/v1/analyze", **{"Facegate-Challenge": "made up"})
    assert code(answer) == "CHALLENGE_UNKNOWN"


def test_a_gateways_user_gets_one_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("gateway")
    first = Live(folder)
    with Live(
        folder, probability=0.233, sessions="required", gateway_licence=first.hash_id
    ) as service:
        tokens = []
        for name in ("anna", "bert"):
            form = {"username": name, "password": "correct horse battery"}
            tokens.append(service.post("/register", data=form).json()["access_token"])
        anna, bert = ({"Authorization": f"Bearer {token}"} for token in tokens)
        upload = {"file": ("a.jpg", genuine())}
        given = service.post("/v1/sessions", headers=anna).json()["challenge"]
        header = {"Facegate-Challenge": given}
        refused = service.post("/detect", files=upload, headers=bert | header)
        assert code(refused) == "CHALLENGE_UNKNOWN"
        assert service.post("/detect", files=upload, headers=anna | header).status_code == 200


def test_while_the_store_is_away_nobody_knows_what_was_used(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("away")
    with ExitStack() as stack:
        server = stack.enter_context(MongoServer(folder / "mongo"))
        more = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 2.0}
        more["sessions"] = "required"
        service = stack.enter_context(Live(folder / "live", probability=0.233, **more))
        fresh = challenge(service)
        assert ask(service, "/v1/analyze", **fresh).status_code == 200
        assert code(ask(service, "/v1/analyze", **fresh)) == "CHALLENGE_USED"
        fresh = challenge(service)
        server.kill()
        assert code(ask(service, "/v1/analyze", **fresh)) == "STORE_UNAVAILABLE"
