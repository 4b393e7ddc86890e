"""A conversion type is trained from what a run was answered, and answers from then on."""

import datetime as dt
import re
from collections.abc import Iterator

import dagster as dg
import pytest
import requests
from click.testing import Result
from typer.testing import CliRunner

from attribution_assets.attribution.training.conversion_types import ConversionTypes
from attribution_assets.command.cli import app
from attribution_assets.dashboard.learned_model import LearnedModelLook
from attribution_assets.definitions import build_definitions
from attribution_assets.defs.checks.daily import problems_of_days
from attribution_assets.ihc_service.model import ModelParameters, compute_ihc
from attribution_assets.ihc_service.server import embedded_ihc_service
from attribution_assets.ihc_service.training.quality import quality
from attribution_assets.resources import resources_of
from attribution_assets.settings import Settings
from attribution_assets_tests.support.answered_journeys import answered_by, made_up_parameters
from attribution_assets_tests.support.dashboard_server import running_dashboard
from attribution_assets_tests.support.shop import Shop
from attribution_assets_tests.support.shop_of_visitors import many_visitors
from attribution_assets_tests.support.trained_types import trained

DAYS = [dt.date(2024, 2, day) for day in (26, 27)]
TYPES = "data/conversion_types"


def command(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


@pytest.fixture
def vendor(shop: Shop) -> Iterator[dict[str, ModelParameters]]:
    """The parameters behind the shop's endpoint, by conversion type; they may change."""
    parameters = {"new": made_up_parameters(1)}
    with embedded_ihc_service(conversion_types=parameters) as url:
        shop.set(IHC_API_URL=url, IHC_API_KEY="key", IHC_CONV_TYPE_ID="new", ATTRIBUTION_LOOKBACK_DAYS="5")
        yield parameters


@pytest.fixture
def answered_shop(shop: Shop, vendor: dict[str, ModelParameters]) -> Shop:
    """A shop whose two days were attributed by an API with made-up parameters, type `new`."""
    assert vendor
    many_visitors(shop, DAYS, 40)
    result = shop.run(str(DAYS[0]), str(DAYS[1]))
    assert result.exit_code == 0, result.output
    return shop


def test_what_the_api_answered_trains_its_type_by_the_command_and_in_dagster(answered_shop: Shop) -> None:
    learned = command("train", "new")
    assert learned.exit_code == 0, learned.output
    assert "Learned from 80 answered journeys" in learned.output
    assert "Written: data/conversion_types/new.toml, version 1." in learned.output
    assert "from 80 answers, mean error 0.000" in command("conversion-types").output

    with dg.DagsterInstance.ephemeral() as instance:
        result = (
            build_definitions()
            .resolve_implicit_global_asset_job_def()
            .execute_in_process(instance=instance, asset_selection=[dg.AssetKey("trained_conversion_type")])
        )
        (event,) = result.asset_materializations_for_node("trained_conversion_type")
    shown = {name: value.value for name, value in event.metadata.items()}
    assert (shown["conversion_type"], shown["version"], shown["answers"]) == ("new", 2, 80)
    assert 0 < shown["mean_error"] < 0.002
    assert shown["plots"].startswith("![Conversion type new. Initializer: hours since the previous session: 0.00 at 0")

    approximation = command("train", "rough", "--journeys-only")
    assert approximation.exit_code == 0, approximation.output
    assert "This is an approximation, from " in approximation.output
    assert "journeys alone (an approximation)" in command("conversion-types").output
    weights = answered_shop.folder / "weights.csv"
    weights.write_text("channel,initializer weight,holder weight,closer weight\nChannel 1,1.32,0.89,0.95\n")
    assert command("train", "a", "--weights", str(weights)).exit_code == 2
    transcript = command("train", "a", "--weights", str(weights), "--phase-weights", ".3,.4,.3", "--cut", "52.7")
    assert transcript.exit_code == 0, transcript.output
    found = ConversionTypes(TYPES).read("a")
    assert found is not None
    assert found.training.is_approximation
    assert found.parameters.restart_gap_hours == 52.7
    assert found.parameters.channel_weights["Channel 1"] == (1.32, 0.89, 0.95)


def test_a_trained_type_answers_without_a_key_as_the_api_did_and_is_not_trained_from_that(answered_shop: Shop) -> None:
    refused = command("train", "other")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert "Not possible: 0 answered journeys of several sessions are too few" in refused.output
    assert "10 more are needed" in refused.output
    assert command("train", "new").exit_code == 0
    credit = answered_shop.rows("attribution_customer_journey")
    answered_shop.set(IHC_API_KEY="")
    assert answered_shop.run(str(DAYS[0]), str(DAYS[1]), "--output", "by_the_twin.csv").exit_code == 0
    predicted = answered_shop.rows("attribution_customer_journey")
    assert [row[:2] for row in predicted] == [row[:2] for row in credit]
    errors = [abs(float(p[2]) - float(c[2])) for p, c in zip(predicted, credit, strict=True)]  # type: ignore[arg-type]
    assert 0 < sum(errors) / len(errors) < 0.001
    assert command("train", "new").exit_code == 2


def test_a_run_without_a_key_names_the_types_that_are_known(shop: Shop) -> None:
    shop.set(IHC_CONV_TYPE_ID="new")
    result = shop.run()
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "knows only 'default'" in result.output


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no column 'conversion_id'"),
        ("row", "row 2: a flag is '7', not 0 or 1"),
    ],
)
def test_a_file_of_answers_that_cannot_be_used_is_named_with_its_row(shop: Shop, text: str, what: str) -> None:
    header = (
        "conversion_id,session_id,timestamp,channel_label,holder_engagement,closer_engagement,"
        "initializer,holder,closer,ihc\n"
    )
    file = shop.folder / "answers.csv"
    file.write_text(f"{header}c,s,2024-02-26 10:00:00,Search,7,1,1,1,1,1\n" if text else "")
    result = command("train", "new", "--answers", str(file))
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert f"answers.csv{',' if text else ''} {what}" in result.output


def evaluations(shop: Shop) -> list[dg.AssetCheckEvaluation]:
    """What the check of answers said, oldest first."""
    key = dg.AssetCheckKey(dg.AssetKey("ihc_attributions"), "answers_are_as_learned")
    with dg.DagsterInstance.from_config(str(shop.folder / "home")) as instance:
        events = [
            entry.dagster_event
            for run in reversed(instance.get_runs())
            for entry in instance.all_logs(run.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
    found = [event.asset_check_evaluation_data for event in events if event]
    return [evaluation for evaluation in found if evaluation.asset_check_key == key]


def verdicts(shop: Shop) -> dict[str, str | None]:
    """What the check of answers said last of each day; None where it passed."""
    of_days = (verdict for evaluation in evaluations(shop) for verdict in problems_of_days(evaluation))
    return {day: problem.words if problem else None for day, problem in of_days}


def test_once_the_vendors_model_has_changed_the_next_day_warns_and_none_before(
    answered_shop: Shop, vendor: dict[str, ModelParameters]
) -> None:
    assert command("train", "new").exit_code == 0
    days = [dt.date(2024, 2, 28), dt.date(2024, 2, 29), dt.date(2024, 3, 1)]
    many_visitors(answered_shop, days, 20, seed=2)
    for day in days:
        vendor["new"] = made_up_parameters(1 if day == days[0] else 3)
        result = answered_shop.run(str(day), str(day))
        assert result.exit_code == 0, result.output
    found = verdicts(answered_shop)
    assert found["2024-02-28"] is None
    for day in ("2024-02-29", "2024-03-01"):
        assert str(found[day]).startswith("the model has changed, since 2024-02-29: the API's answers differ from what")
    errors = evaluations(answered_shop)[-1].metadata["errors_against_training"].value
    (row,) = (record.data for record in errors.records)  # type: ignore[union-attr]
    assert (row["day"], row["conversion_type"]) == ("2024-03-01", "new")
    assert row["mean_error"] > 0.005
    assert row["touchpoints"] > row["touchpoints_near_the_cut"] >= 0
    assert "The model moved shares on 2024-02-29 to 2024-03-01." in shown_section()

    learned = command("train", "new", "--since", "2024-02-29")
    assert learned.exit_code == 0, learned.output
    assert "Learned from 40 answered journeys" in learned.output
    again = answered_shop.run("2024-02-28", "2024-03-01", "--again")
    assert again.exit_code == 0, again.output
    assert {verdicts(answered_shop)[str(day)] for day in days} == {None}


def test_a_probe_says_its_cost_and_trains_a_type_once_it_is_confirmed(
    shop: Shop, vendor: dict[str, ModelParameters]
) -> None:
    many_visitors(shop, DAYS, 10)
    unconfirmed = command("train", "new", "--probe")
    assert unconfirmed.exit_code == 2
    assert "Probe of the conversion type 'new': 100 journeys with 200 touchpoints to ask for in 1 requests" in " ".join(
        unconfirmed.output.split()
    )
    assert "the probe was not confirmed, and nothing was asked for: --yes confirms it" in unconfirmed.output
    assert ConversionTypes(TYPES).names() == []
    assert shop.rows("ihc_answer") == []
    confirmed = command("train", "new", "--probe", "--yes")
    assert confirmed.exit_code == 0, confirmed.output
    assert "Learned from 100 answered journeys, 100 of them of several sessions" in confirmed.output
    assert len(shop.rows("ihc_answer")) == 100
    found = ConversionTypes(TYPES).read("new")
    assert found is not None
    expected = answered_by(vendor["new"], 300, channels=4)
    errors = quality(compute_ihc(expected.touchpoints, found.parameters)[:, 3], expected)
    assert errors.mean_error < 0.002
    again = command("train", "new", "--probe")
    assert again.exit_code == 0, again.output
    assert "0 journeys with 0 touchpoints to ask for in 0 requests, 100 journeys known from the ledger" in " ".join(
        again.output.split()
    )
    shop.set(IHC_API_KEY="")
    refused = command("train", "new", "--probe", "--yes")
    assert refused.exit_code == 2
    assert refused.output == "Not possible: a probe asks the API, and there is no IHC_API_KEY\n"


def test_a_dry_run_says_what_would_be_asked_for_and_a_preview_what_is_expected_and_both_write_nothing(
    shop: Shop,
) -> None:
    many_visitors(shop, DAYS, 10)
    shop.set(
        ATTRIBUTION_LOOKBACK_DAYS="5", IHC_CONV_TYPE_ID="new", IHC_API_KEY="key", IHC_API_URL="http://127.0.0.1:9/x"
    )
    before = shop.database.read_bytes()
    planned = shop.run(str(DAYS[0]), str(DAYS[1]), "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "Dry run: nothing is asked for and nothing is written. 2024-02-26..2024-02-27: 20 orders." in planned.output
    sessions = len(shop.rows("session_sources"))
    assert f"20 journeys with {sessions} touchpoints to ask for in 1 requests, 0 journeys known" in planned.output
    refused = shop.run(str(DAYS[0]), str(DAYS[1]), "--dry-run", "--preview")
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)
    assert "a preview needs a trained conversion type, and 'new' is not" in refused.output
    ConversionTypes(TYPES).write(trained("new", number=1))
    previewed = shop.run(str(DAYS[0]), str(DAYS[1]), "--dry-run", "--preview")
    words = previewed.output.replace("│", " ").split()
    assert words[words.index("total") :][:3] == ["total", "20.00", "2,000.00"]
    assert "Preview by the conversion type 'new' (version 1)" in previewed.output
    assert shop.run(str(DAYS[0]), str(DAYS[1]), "--preview").exit_code == 2
    assert shop.database.read_bytes() == before
    assert not (shop.folder / "data/assets").exists()


def shown_section() -> str:
    """The page's section on the trained model, as a reader of its text has it; empty without one."""
    resources = resources_of(Settings.from_environment())
    tables, look = resources.storage.tables(), LearnedModelLook(resources.storage.tables(), resources.ihc_api)
    with running_dashboard(tables, lookback_days=5, learned_model=look.of) as address:
        page = requests.get(address, timeout=30)
    assert page.status_code == 200
    section = re.search('<section aria-labelledby="learned-heading">.*?</section>', page.text, re.DOTALL)
    return " ".join(re.sub("<.*?>", " ", re.sub("<script.*?</script>", "", section[0])).split()) if section else ""


def test_the_page_shows_what_is_expected_of_days_not_attributed_and_calls_it_so(answered_shop: Shop) -> None:
    assert shown_section() == ""
    assert command("train", "new").exit_code == 0
    without = shown_section()
    assert "Who moved a channel's share of the orders" in without
    assert "No share left its limits on these days." in without
    assert "Expected, not answered by the API" not in without
    many_visitors(answered_shop, [dt.date(2024, 2, 28)], 7)
    before = answered_shop.rows("channel_reporting")
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions().resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in ("sessions", "conversions", "journeys")]
        assert job.execute_in_process(instance=instance, asset_selection=keys, partition_key="2024-02-28").success
    shown = shown_section()
    assert "Days not attributed yet: 2024-02-28 Expected, not answered by the API. 7 orders whose journeys" in shown
    assert "Channel Orders (expected) Revenue (expected)" in shown
    assert answered_shop.rows("channel_reporting") == before
    ConversionTypes(TYPES).file("new").write_text("form = 7")
    assert "its form is 7" in shown_section()


def test_each_conversion_type_of_orders_is_trained_from_its_own_answers_and_watched_by_itself(shop: Shop) -> None:
    many_visitors(shop, DAYS, 40)
    shop.sql(
        "ALTER TABLE conversions ADD COLUMN conversion_type text",
        "UPDATE conversions SET conversion_type = 'first' WHERE rowid % 2 = 0",
    )
    with embedded_ihc_service(conversion_types={"new": made_up_parameters(1), "old": made_up_parameters(2)}) as url:
        shop.set(IHC_API_URL=url, IHC_API_KEY="key", IHC_CONV_TYPE_ID="old", ATTRIBUTION_LOOKBACK_DAYS="5")
        shop.set(IHC_CONVERSION_TYPES='{"first": "new"}')
        assert shop.run(str(DAYS[0]), str(DAYS[1])).exit_code == 0
    for name in ("new", "old"):
        learned = command("train", name)
        assert learned.exit_code == 0, learned.output
        assert "Learned from 40 answered journeys" in learned.output
        found = ConversionTypes(TYPES).read(name)
        assert found is not None
        assert found.training.held_out is not None
        assert found.training.held_out.mean_error < 0.005
    new, old = " ".join(command("conversion-types").output.split()).split("new, version 1")[1].split("old, version 1")
    assert "; the API attributes with it: 'first'." in new
    assert "; the API attributes with it: orders without a type." in old
