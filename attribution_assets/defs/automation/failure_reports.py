"""The sensors that report failed runs: in the log of their ticks, by e-mail or in Slack."""

import dagster as dg

from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import FailureReports


@dg.run_failure_sensor(description="Says in the log of its ticks which run failed, and why")
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Log the failure; the UI shows it with the tick."""
    run = context.dagster_run
    context.log.error("Run %s of %s failed: %s", run.run_id, run.job_name, context.failure_event.message)


def failure_reports() -> list[dg.SensorDefinition]:
    """The sensors that report failed runs: in the log, and by e-mail or in Slack where these are set up.

    Raises:
        ConfigurationError: A setting is missing, or Slack's package is not installed.
    """
    settings, sensors = FailureReports.from_environment(), [failed_runs]
    if settings.email_to:
        sensors.append(
            dg.make_email_on_run_failure_sensor(
                settings.email_from,
                settings.email_password,
                settings.email_to,
                smtp_host=settings.smtp_host,
                name="failed_runs_by_email",
            )
        )
    if settings.slack_channel:
        try:
            from dagster_slack import make_slack_on_run_failure_sensor  # noqa: PLC0415  an extra
        except ImportError:
            raise ConfigurationError(
                "ATTRIBUTION_SLACK_CHANNEL needs the package dagster-slack: pip install 'attribution-assets[slack]'"
            ) from None
        sensors.append(
            make_slack_on_run_failure_sensor(settings.slack_channel, settings.slack_token, name="failed_runs_in_slack")
        )
    return sensors
