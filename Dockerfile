# syntax=docker/dockerfile:1

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY attribution_assets attribution_assets
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && /opt/venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 attribution \
    && install --directory --owner attribution /srv/attribution /srv/attribution/data
COPY --from=build /opt/venv /opt/venv
COPY workspace.yaml dagster.yaml /srv/attribution/

COPY --chmod=755 <<'EOF' /usr/local/bin/serve
#!/bin/sh
# One image, six services: serve webserver | daemon | code-server | dashboard | metrics | api. Anything else is run as a command.
set -eu
case "${1:-webserver}" in
    webserver) exec dagster-webserver --host 0.0.0.0 --port 3000 --workspace workspace.yaml ;;
    daemon) exec dagster-daemon run --workspace workspace.yaml ;;
    code-server) exec dagster code-server start --host 0.0.0.0 --port 4000 --module-name attribution_assets.definitions ;;
    dashboard | metrics | api) service=$1 && shift && exec attribution-assets "$service" --host 0.0.0.0 "$@" ;;
    *) exec "$@" ;;
esac
EOF

COPY --chmod=755 <<'EOF' /usr/local/bin/healthy
#!/bin/sh
# Whether the service that this container runs as its first process answers.
set -eu
command=$(tr '\0' ' ' < /proc/1/cmdline)
case "$command" in
    *"attribution-assets api "*) python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8600/healthz', timeout=15)" ;;
    *dagster-webserver*) python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/server_info', timeout=5)" ;;
    *dagster-daemon*) dagster-daemon liveness-check ;;
    *dashboard*) python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8050/', timeout=15)" ;;
    *metrics*) python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:9700/metrics', timeout=15)" ;;
    *code-server*) dagster api grpc-health-check --port 4000 ;;
esac
EOF

ENV PATH="/opt/venv/bin:$PATH" \
    DAGSTER_HOME=/srv/attribution \
    PYTHONUNBUFFERED=1
WORKDIR /srv/attribution
USER 1000
VOLUME /srv/attribution/data
EXPOSE 3000 4000 8050 8600 9700
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s CMD ["healthy"]
ENTRYPOINT ["serve"]
CMD ["webserver"]
