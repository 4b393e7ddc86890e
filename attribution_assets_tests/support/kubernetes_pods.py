"""What becomes of the Helm values: the Dagster instance that the chart describes, and the pods that its runs get.

The chart itself is not here. `instance_settings` restates how it writes a `dagster.yaml` from the values; whatever
comes after that is Dagster's own run launcher, which sends its Job to an HTTP server on loopback in place of the
Kubernetes API.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

Tree = dict[str, Any]


def helm_values() -> Tree:
    """The values, parsed anew."""
    parsed: Tree = yaml.safe_load((files("attribution_assets") / "deploy" / "values.yaml").read_text(encoding="utf-8"))
    return parsed


def api_manifest() -> dict[str, Tree]:
    """The objects of the HTTP API by their kind, parsed anew."""
    text = (files("attribution_assets") / "deploy" / "api.yaml").read_text(encoding="utf-8")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def code_server(values: Mapping[str, Any]) -> Tree:
    """The deployment of the code server."""
    [deployment] = values["dagster-user-deployments"]["deployments"]
    return dict(deployment)


def image(values: Mapping[str, Any]) -> str:
    """The image of the code server, which its runs get too."""
    return "{repository}:{tag}".format(**code_server(values)["image"])


def instance_settings(values: Mapping[str, Any], namespace: str) -> Tree:
    """The `dagster.yaml` that the chart's daemon, web server and runs get."""
    postgresql = values["postgresql"]
    database = {
        "username": postgresql["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": postgresql["postgresqlHost"],
        "db_name": postgresql["postgresqlDatabase"],
        "port": postgresql["service"]["port"],
        "scheme": postgresql["postgresqlScheme"],
    }
    stored = {
        f"{what}_storage": {
            "module": f"dagster_postgres.{module}",
            "class": f"Postgres{kind}Storage",
            "config": {"postgres_db": database},
        }
        for what, module, kind in (
            ("run", "run_storage", "Run"),
            ("event_log", "event_log", "EventLog"),
            ("schedule", "schedule_storage", "Schedule"),
        )
    }
    return {
        **stored,
        "run_launcher": {
            "module": "dagster_k8s",
            "class": values["runLauncher"]["type"],
            "config": _launcher_settings(values, namespace),
        },
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"},
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": values["computeLogManager"]["type"],
        },
        "run_monitoring": _snake_case(values["dagsterDaemon"]["runMonitoring"]),
        "retention": _snake_case({name: rule for name, rule in values["retention"].items() if name != "enabled"}),
        "concurrency": _snake_case({name: of for name, of in values["concurrency"].items() if name != "enabled"}),
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }


def _launcher_settings(values: Mapping[str, Any], namespace: str) -> Tree:
    launcher = dict(values["runLauncher"]["config"]["k8sRunLauncher"])
    secrets = [secret["name"] for secret in launcher.pop("envSecrets")]
    raw = {_snake(part): settings for part, settings in launcher.pop("runK8sConfig").items()}
    return {
        **{_snake(name): setting for name, setting in launcher.items()},
        "env_secrets": secrets,
        "run_k8s_config": raw,
        "job_namespace": namespace,
        "service_account_name": "dagster",
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
    }


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


def _snake_case(tree: Tree) -> Tree:
    return {_snake(name): _snake_case(below) if isinstance(below, dict) else below for name, below in tree.items()}


class KubernetesApi:
    """Takes what is created, and remembers it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.created: list[tuple[str, Tree]] = []

    def kubeconfig(self, folder: Path) -> Path:
        """A file that tells clients to come here."""
        address = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "here", "context": {"cluster": "here", "user": "tester"}}
        file = folder / "kubeconfig"
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [address],
                    "users": [{"name": "tester", "user": {"token": "none"}}],
                    "contexts": [context],
                    "current-context": "here",
                }
            )
        )
        return file


@contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """A Kubernetes API on loopback that creates nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.created.append((self.path, json.loads(body)))
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name in the base class
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = KubernetesApi(server.server_port)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
