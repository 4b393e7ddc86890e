"""Dagster's daemon with a quicker pulse: sensors, backfills and the queue of runs are looked at every second.

    python quick_daemon.py WORKSPACE.yaml

All else is as in `dagster-daemon run`, which looks at backfills every 30 s and at the others every 5 s.
"""

import sys
from collections.abc import Iterable, Iterator

import dagster as dg
from dagster._cli.workspace.cli_target import WorkspaceOpts, workspace_opts_to_load_target
from dagster._core.workspace.context import IWorkspaceProcessContext  # noqa: TID251  # the daemon is Dagster's own
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.controller import create_daemon_of_type, daemon_controller_from_instance
from dagster._daemon.daemon import BackfillDaemon, DagsterDaemon, IntervalDaemon, SensorDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster_shared.error import SerializableErrorInfo  # noqa: TID251  # the same

SECONDS = 1

Errors = Iterable[SerializableErrorInfo | None]


class QuickSensors(IntervalDaemon[IWorkspaceProcessContext]):
    @classmethod
    def daemon_type(cls) -> str:
        return SensorDaemon.daemon_type()

    def run_iteration(self, workspace_process_context: IWorkspaceProcessContext) -> Errors:
        return execute_sensor_iteration(workspace_process_context, self._logger, None, None)


class QuickBackfills(IntervalDaemon[IWorkspaceProcessContext]):
    @classmethod
    def daemon_type(cls) -> str:
        return BackfillDaemon.daemon_type()

    def run_iteration(self, workspace_process_context: IWorkspaceProcessContext) -> Errors:
        return execute_backfill_iteration(workspace_process_context, self._logger)


QUICK = {quick.daemon_type(): quick for quick in (QuickSensors, QuickBackfills, QueuedRunCoordinatorDaemon)}


def daemons(instance: dg.DagsterInstance) -> Iterator[DagsterDaemon]:
    for daemon_type in instance.get_required_daemon_types():
        quick = QUICK.get(daemon_type)
        yield quick(interval_seconds=SECONDS) if quick else create_daemon_of_type(daemon_type, instance)


if __name__ == "__main__":
    workspace = workspace_opts_to_load_target(WorkspaceOpts(workspace=[sys.argv[1]]))
    with (
        dg.DagsterInstance.get() as instance,
        daemon_controller_from_instance(instance, workspace, gen_daemons=daemons) as controller,
    ):
        controller.check_daemon_loop()
