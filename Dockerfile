# The service. Built with BuildKit; wheels come from wheels/service when that folder exists
# (scripts/wheels.sh fills it), from the package index otherwise.
# An index of your own: --secret id=pip.conf,src=FILE and --secret id=ca.pem,src=FILE.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS system
COPY deploy/image/trim.sh /trim.sh
RUN sh /trim.sh

FROM ${BASE_IMAGE} AS wheels
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
# The pip that installs stays behind: the environment that is shipped has none.
RUN python3 -m venv /installer && python3 -m venv --without-pip /opt/facegate/venv
COPY requirements.lock wheels/servic[e] /wheels/
COPY deploy/image/ /image/
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.pem sh /image/install.sh

FROM wheels AS app
COPY pyproject.toml LICENSE NOTICE README.md /source/
COPY service/ /source/service/
ARG VERSION=0.0.0
# 1: honour licences signed by the vendor of service/licensing/vendor.pub, and no others.
ARG VENDOR_LICENCES_ONLY=
RUN [ -z "$VENDOR_LICENCES_ONLY" ] || touch /source/service/licensing/vendor-only; \
    sh /image/install_app.sh "$VERSION"

FROM scratch
COPY --from=system / /
# Whole trees, so that no folder above them gets the date of this build.
COPY --from=wheels /out/ /
COPY --from=app /out-app/ /
ENV PATH=/opt/facegate/venv/bin:/opt/facegate/app/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/facegate/app PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 \
    ORT_DISABLE_TELEMETRY=1 FACEGATE_HOST=0.0.0.0 FACEGATE_DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 5001
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/opt/facegate/healthcheck"]
# `facegate serve` becomes gunicorn itself, so that SIGTERM reaches it.
ENTRYPOINT ["/opt/facegate/venv/bin/python", "-m", "service.cli"]
CMD ["serve"]
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Facegate" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
