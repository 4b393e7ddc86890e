"""The sensors that report failed runs: in the log of their ticks, by e-mail or in Slack. All say why and what to do."""

from collections.abc import Callable
from html import escape

import dagster as dg

from attribution_assets.errors import ConfigurationError
from attribution_assets.instance.data_set_names import DATA_SET_TAG, DataSetNames
from attribution_assets.instance.run_failures import WHAT_TO_DO, link_to_run, why_failed
from attribution_assets.instance.runs import DAYS_TAG
from attribution_assets.settings import FailureReports


def failure_text(context: dg.RunFailureSensorContext, webserver_url: str | None) -> str:
    """Which run failed, why, where it is shown, and what to do.

    Args:
        context: Of the sensor that was told of the failure.
        webserver_url: Address of Dagster's UI; None if it is not known.
    """
    run = context.dagster_run
    of_days = f" of {run.tags[DAYS_TAG]}" if DAYS_TAG in run.tags else ""
    link = link_to_run(webserver_url, run.run_id)
    why = DataSetNames(run.tags.get(DATA_SET_TAG, "")).in_attributes(why_failed(context.instance, run.run_id))
    return f"Run {run.run_id} of {run.job_name}{of_days} failed: {why}. {f'{link} ' if link else ''}{WHAT_TO_DO}"


def _log_failure(webserver_url: str | None) -> Callable[[dg.RunFailureSensorContext], None]:
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        """Log the failure; the UI shows it with the tick."""
        context.log.error("%s", failure_text(context, webserver_url))

    return failed_runs


def failure_reports() -> list[dg.SensorDefinition]:
    """The sensors that report failed runs: in the log, and by e-mail or in Slack where these are set up.

    Raises:
        ConfigurationError: A setting is missing, or Slack's package is not installed.
    """
    settings = FailureReports.from_environment()
    url = settings.webserver_url
    in_the_log = dg.run_failure_sensor(description="Says in the log of its ticks which run failed, why, and what to do")
    sensors = [in_the_log(_log_failure(url))]
    if settings.email_to:
        sensors.append(
            dg.make_email_on_run_failure_sensor(
                settings.email_from,
                settings.email_password,
                settings.email_to,
                email_body_fn=lambda context: escape(failure_text(context, url)),
                smtp_host=settings.smtp_host,
                name="failed_runs_by_email",
                webserver_base_url=url,
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
            make_slack_on_run_failure_sensor(
                settings.slack_channel,
                settings.slack_token,
                text_fn=lambda context: failure_text(context, url),
                name="failed_runs_in_slack",
                webserver_base_url=url,
            )
        )
    return sensors
