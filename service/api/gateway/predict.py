"""`POST /predict`, `POST /detect` and `GET /health`: one medium, every detector, one verdict."""

from __future__ import annotations

from flask import Response

from service.analysis.decision.reweigh import reweigh
from service.api.gateway import caller
from service.api.gateway.blueprint import blueprint
from service.api.gateway.render import heard, verdict
from service.api.gateway.schemas import GatewayHealth, PredictBody, PredictOptions, Verdict
from service.api.gateway.trace import keep
from service.api.http.body import checked, one_upload, read_form, read_json
from service.api.http.context import services
from service.api.http.licensed import judge_medium, licensed
from service.api.http.reply import json_reply
from service.api.http.signed import note_verdict
from service.errors import RequestError
from service.licensing.grant import Grant
from service.media.datauri import decode_image_text
from service.media.medium import Medium
from service.store.accounts import User


@blueprint.post("/predict")
def predict() -> Response:
    """Judge one medium, fused as the request asks."""
    user = _caller()
    body = checked(PredictBody, read_json())
    text: str | None = getattr(body, f"{body.media_type}_data")
    if text is None:
        raise RequestError(f"The field {body.media_type}_data is missing.")
    with licensed(caller.hash_id()) as grant:
        data = decode_image_text(text, max_bytes=services().settings.max_body_bytes)
        medium = Medium.of(data, body.media_type)
        answer = _decided(medium, body, grant)
    keep(user, answer, medium, grant)
    return json_reply(answer)


@blueprint.post("/detect")
def detect() -> Response:
    """Judge one upload, fused as the request asks."""
    user = _caller()
    form, files = read_form()
    file = one_upload(files, "file")
    if file is None:
        raise RequestError("The field file is missing.")
    fields: dict[str, object] = {name: value for name, value in form.to_dict().items() if value}
    if "models" in fields:
        fields["models"] = [name.strip() for name in str(fields["models"]).split(",")]
    options = checked(PredictOptions, fields, strict=False)
    most, name = services().settings.max_body_bytes, file.filename
    medium = Medium.receive(file.stream, most, name or "")
    with licensed(caller.hash_id()) as grant:
        answer = _decided(medium, options, grant)
    keep(user, answer, medium, grant, name)
    return json_reply(answer)


@blueprint.get("/health")
def health() -> Response:
    """Whether images are judged now, and by which detectors."""
    loader = services().loader
    if loader.state != "ready":
        return json_reply(GatewayHealth(status="unhealthy", models=[]), 503)
    return json_reply(GatewayHealth(status="healthy", models=list(loader.analyzer.thresholds)))


def _caller() -> User | None:
    """Who calls, and on which licence, is told by headers: known before the body is read."""
    caller.check_first()
    return caller.user()


def _decided(medium: Medium, options: PredictOptions, grant: Grant) -> Verdict:
    answer = _predict(medium, options, grant)
    note_verdict(answer.verdict)
    return answer


def _predict(medium: Medium, options: PredictOptions, grant: Grant) -> Verdict:
    analysis = judge_medium(medium, grant).analysis
    if analysis.kind == "audio":  # its detectors have a fusion of their own
        return verdict(heard(analysis), options.threshold)
    analyzer = services().loader.analyzer
    for name in options.models or ():
        if name not in analyzer.thresholds:
            raise RequestError(f"There is no model {name[:40]!a}; see GET /health.")
    method, names = options.ensemble_method, options.models
    fused = reweigh(analysis, method, analyzer.thresholds, analyzer.policy.fusion_of, names)
    others = [one for one in analysis.findings if one.task != "deepfake"]
    attacks = [one for one in others if one.decision == "attack"]
    return verdict(fused, options.threshold, attacks)
