"""`facegate recheck`: judge recorded detections again with the current model."""

from __future__ import annotations

from service.cloud.aws.session import Cloud
from service.cloud.predictor import Predictor
from service.cloud.serverless.detections import Detections
from service.cloud.serverless.recheck import recheck as run
from service.errors import StartupError
from service.runtime.console import print_json
from service.settings import load_settings


def recheck(cloud: Cloud, bucket: str | None, table: str | None, limit: int | None) -> int:
    """Print the counts; 2 when some are left. Raises StartupError or CloudError."""
    settings = load_settings()
    bucket = bucket or settings.upload_bucket
    if bucket is None:
        raise StartupError(
            "The bucket of the uploads is not known.",
            "Give it with --bucket or FACEGATE_UPLOAD_BUCKET.",
        )
    detections = Detections(cloud, table or settings.detections_table, settings.detection_ttl)
    counts = run(detections, Predictor.load(settings, cloud), bucket, limit)
    print_json(counts)
    return 2 if counts["left"] else 0
