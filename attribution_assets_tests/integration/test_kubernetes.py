"""The Helm values fit the image, the settings of this folder's Dagster instance, and what Dagster takes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer  # noqa: TID251  # a run is launched as the daemon does
from dagster._core.launcher import LaunchRunContext  # noqa: TID251  # the same
from dagster._core.origin import (  # noqa: TID251  # the same
    DEFAULT_DAGSTER_ENTRY_POINT,
    JobPythonOrigin,
    RepositoryPythonOrigin,
)
from sqlalchemy import make_url

from attribution_assets import settings
from attribution_assets.definitions import defs
from attribution_assets_tests.support.databases import create_source_tables, insert
from attribution_assets_tests.support.kubernetes_pods import (
    KubernetesApi,
    Tree,
    api_manifest,
    code_server,
    helm_values,
    image,
    instance_settings,
    kubernetes_api,
)
from attribution_assets_tests.support.places import PROJECT

DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
DAY = "2023-08-01"
CODE = RepositoryPythonOrigin(
    executable_path=sys.executable,
    code_pointer=ModuleCodePointer("attribution_assets.definitions", "defs", None),
    container_image=image(helm_values()),
    entry_point=DEFAULT_DAGSTER_ENTRY_POINT,
)


def test_the_code_server_of_the_chart_is_that_of_the_image() -> None:
    server = code_server(helm_values())
    of_chart = ["--host", "0.0.0.0", "--port", str(server["port"]), *server["codeServerArgs"]]  # noqa: S104  inside a pod

    assert f"exec dagster code-server start {' '.join(of_chart)} ;;" in DOCKERFILE


def test_the_code_reads_every_variable_that_is_set() -> None:
    read = Path(settings.__file__).read_text(encoding="utf-8")
    names = [variable["name"] for variable in code_server(helm_values())["env"]]

    assert names
    assert [name for name in names if f'"{name}"' not in read] == []


def test_runs_get_the_variables_secrets_and_volumes_of_the_code_server() -> None:
    values = helm_values()
    server, launcher = code_server(values), values["runLauncher"]["config"]["k8sRunLauncher"]

    assert launcher["runK8sConfig"]["containerConfig"]["env"] == server["env"]
    for same in ("envSecrets", "volumes", "volumeMounts", "securityContext"):
        assert launcher[same] == server[same], same


def test_nothing_that_lasts_is_kept_in_a_pod() -> None:
    stored = {v["name"]: v["value"] for v in code_server(helm_values())["env"]}

    assert stored["ATTRIBUTION_STORAGE"].startswith("s3://")
    assert stored["ATTRIBUTION_REPORTS"].startswith("s3://")


def test_pods_run_as_the_user_of_the_image() -> None:
    user = code_server(helm_values())["podSecurityContext"]["runAsUser"]

    assert f"--uid {user} " in DOCKERFILE
    assert f"\nUSER {user}\n" in DOCKERFILE


def test_what_queries_spill_and_copy_goes_to_a_volume() -> None:
    mounted = [mount["mountPath"] for mount in code_server(helm_values())["volumeMounts"]]

    assert mounted == ["/tmp"]  # noqa: S108  where Python's temporary folders are, TMPDIR not being set
    assert "TMPDIR" not in [variable["name"] for variable in code_server(helm_values())["env"]]


def test_the_limits_are_those_of_this_folders_instance() -> None:
    here = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))
    there = instance_settings(helm_values(), "attribution")

    assert there["concurrency"]["pools"] == here["concurrency"]["pools"]
    assert there["run_monitoring"] == {
        **here["run_monitoring"],
        "start_timeout_seconds": 600,
        "poll_interval_seconds": 60,
    }
    assert there["telemetry"] == here["telemetry"]
    assert there["nux"] == here["nux"]


def test_the_api_is_the_same_image_with_the_same_settings_secrets_and_user() -> None:
    values = helm_values()
    pod = api_manifest()["Deployment"]["spec"]["template"]["spec"]
    [container], server = pod["containers"], code_server(values)

    assert container["image"] == image(values)
    assert [each for each in server["env"] if each not in container["env"]] == []
    assert container["envFrom"] == [{"secretRef": secret} for secret in server["envSecrets"]]
    assert pod["securityContext"] == server["podSecurityContext"]
    assert container["securityContext"] == server["securityContext"]
    read = Path(settings.__file__).read_text(encoding="utf-8")
    ours = [each["name"] for each in container["env"] if not each["name"].startswith("DAGSTER_")]
    assert [name for name in ours if f'"{name}"' not in read] == []


def test_the_api_has_the_instance_of_the_chart_and_keeps_what_lasts_on_its_volume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest, launcher = api_manifest(), instance_settings(helm_values(), "attribution")["run_launcher"]["config"]
    pod = manifest["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environment = {each["name"]: each.get("value") or each["valueFrom"]["secretKeyRef"] for each in container["env"]}
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}

    assert volumes["dagster-instance"]["configMap"]["name"] == launcher["instance_config_map"]
    assert mounted["dagster-instance"] == f"{environment['DAGSTER_HOME']}/dagster.yaml"
    assert mounted["dagster-home"] == environment["DAGSTER_HOME"]
    assert environment["DAGSTER_PG_PASSWORD"]["name"] == launcher["postgres_password_secret"]
    assert (
        volumes["data"]["persistentVolumeClaim"]["claimName"] == manifest["PersistentVolumeClaim"]["metadata"]["name"]
    )
    monkeypatch.delenv("ATTRIBUTION_API_HOME", raising=False)
    [folder] = re.findall("^WORKDIR (/srv.*)$", DOCKERFILE, flags=re.MULTILINE)
    for place in (settings.api_home(), settings.DATA_SETS):
        assert (Path(folder) / place).is_relative_to(mounted["data"])
    assert f"VOLUME {mounted['data']}\n" in DOCKERFILE
    assert manifest["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}


def test_the_api_is_served_and_probed_where_the_image_serves_it() -> None:
    manifest = api_manifest()
    pod = manifest["Deployment"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    [port], [outside] = container["ports"], manifest["Service"]["spec"]["ports"]

    assert container["args"][0] == "api"
    assert "dashboard | metrics | api)" in DOCKERFILE
    assert f"http://127.0.0.1:{port['containerPort']}/healthz" in DOCKERFILE
    assert outside["targetPort"] == port["name"]
    assert manifest["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": port["name"]}
    options = container["args"][1:]
    assert options[::2] == ["--allowed-host"] * 2
    assert manifest["Service"]["metadata"]["name"] in options[1::2]


@contextmanager
def instance_of_the_chart(folder: Path, postgresql_url: str, api: KubernetesApi) -> Iterator[dg.DagsterInstance]:
    """The instance that the values describe, but for where the database and the Kubernetes API are."""
    url = make_url(postgresql_url)
    described = instance_settings(helm_values(), "attribution")
    for part in ("run_storage", "event_log_storage", "schedule_storage"):
        described[part]["config"]["postgres_db"] |= {
            "username": url.username,
            "hostname": url.host,
            "port": url.port,
            "db_name": url.database,
        }
    described["run_launcher"]["config"] |= {
        "load_incluster_config": False,
        "kubeconfig_file": str(api.kubeconfig(folder)),
    }
    (folder / "dagster.yaml").write_text(yaml.safe_dump(described))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_PG_PASSWORD", str(url.password))
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            yield instance


def launch(instance: dg.DagsterInstance, job: str) -> dg.DagsterRun:
    """Have the run launcher start a run of one day, as the daemon does."""
    run = instance.create_run_for_job(
        defs.resolve_job_def(job),
        tags={"dagster/partition": DAY},
        job_code_origin=JobPythonOrigin(job, CODE),
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    return run


def in_pod(job: Tree) -> Tree:
    [container] = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_dagster_takes_the_instance_that_the_values_describe(tmp_path: Path, postgresql_url: str) -> None:
    with kubernetes_api() as api, instance_of_the_chart(tmp_path, postgresql_url, api) as instance:
        pools = instance.get_concurrency_config().pool_config

        assert (pools.default_pool_limit, pools.pool_granularity.value) == (2, "op")
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 8
        assert instance.run_monitoring_max_runtime_seconds == 86400
        assert not instance.telemetry_enabled


def test_a_run_gets_a_pod_of_its_own_with_all_that_it_needs(tmp_path: Path, postgresql_url: str) -> None:
    with kubernetes_api() as api, instance_of_the_chart(tmp_path, postgresql_url, api) as instance:
        run = launch(instance, "attribution")

    [(path, job)] = api.created
    pod, container = job["spec"]["template"]["spec"], in_pod(job)
    assert path == "/apis/batch/v1/namespaces/attribution/jobs"
    assert job["metadata"]["labels"]["dagster/run-id"] == run.run_id
    assert (job["spec"]["backoffLimit"], job["spec"]["ttlSecondsAfterFinished"]) == (0, 7200)
    assert (container["image"], container["imagePullPolicy"]) == (image(helm_values()), "IfNotPresent")
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert "command" not in container  # the image's own passes the arguments on
    assert container["envFrom"] == [{"secretRef": {"name": "attribution-assets"}}]
    assert container["resources"]["limits"] == {"memory": "4Gi"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]  # noqa: S108  in a pod
    assert {"name": "IHC_CONV_TYPE_ID", "value": "default"} in container["env"]
    assert [variable for variable in container["env"] if "PASSWORD" in variable["name"]] == [
        {
            "name": "DAGSTER_PG_PASSWORD",
            "valueFrom": {"secretKeyRef": {"name": "attribution-assets-postgresql", "key": "postgresql-password"}},
        }
    ]


@pytest.mark.slow
def test_what_the_pod_starts_does_the_run(tmp_path: Path, postgresql_url: str) -> None:
    create_source_tables(postgresql_url)
    insert(postgresql_url, "conversions", [("o1", "u1", DAY, "12:00:00", 100.0)])
    insert(postgresql_url, "session_sources", [("s1", "u1", DAY, "11:00:00", "search", 1, 0, 0)])
    home, pods = tmp_path / "home", tmp_path / "pod"
    home.mkdir()
    pods.mkdir()

    with kubernetes_api() as api, instance_of_the_chart(home, postgresql_url, api) as instance:
        run = launch(instance, "attribution")
        [(_, job)] = api.created
        home.rename(tmp_path / "of_another_pod")
        given = {v["name"]: v["value"] for v in in_pod(job)["env"] if "value" in v}
        _run_pod(in_pod(job)["args"], {**given, **_secrets(postgresql_url), **_storage(tmp_path)}, pods)
        finished = instance.get_run_by_id(run.run_id)

    assert finished
    assert finished.status == dg.DagsterRunStatus.SUCCESS
    assert [path.name for path in (tmp_path / "reports").iterdir()] == [f"channel_reporting_{DAY}.csv"]
    assert list(pods.iterdir()) == []


def _secrets(postgresql_url: str) -> dict[str, str]:
    return {
        "ATTRIBUTION_DATABASE_URL": postgresql_url,
        "DAGSTER_PG_PASSWORD": str(make_url(postgresql_url).password),
    }


def _storage(folder: Path) -> dict[str, str]:
    """A folder in the place of the bucket."""
    return {"ATTRIBUTION_STORAGE": str(folder / "assets"), "ATTRIBUTION_REPORTS": str(folder / "reports")}


def _run_pod(args: list[str], environment: dict[str, str], folder: Path) -> None:
    program, *rest = args
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done: subprocess.CompletedProcess[Any] = subprocess.run(  # noqa: S603  what the launcher made
        [str(Path(sys.executable).parent / program), *rest],
        env={**path, **environment},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
