"""A day's report is provisional until all orders that can credit it are attributed, and then final."""

import dagster as dg
import pytest

from attribution_assets.attribution.calendar.finality import is_final
from attribution_assets.defs.assets.metadata import certainty_metadata
from attribution_assets_tests.support.made_shop import REPORTS, MadeShop, day, days


@pytest.mark.parametrize(
    ("attributed", "final"),
    [
        (days(20, 21, 22), True),
        (days(19, 20, 21, 22, 23), True),
        (days(20, 21), False),
        (days(20, 22), False),
        (days(21, 22), False),
        (set(), False),
    ],
)
def test_a_day_is_final_once_it_and_the_lookback_window_after_it_are_attributed(
    attributed: set[object],
    final: bool,  # noqa: FBT001  # a case's value
) -> None:
    assert is_final(day(20), attributed, 2) is final
    assert certainty_metadata(day(20), attributed, 2) == {
        "provisional": not final,
        "final_once_attributed_until": "2024-02-22",
    }


def test_each_days_report_says_whether_it_is_provisional(made_shop: MadeShop) -> None:
    """The shop's data ends on the 27th: nothing is known of the 28th, which was run all the same."""
    result = made_shop.make(REPORTS, 20, 28)
    shown = {
        event.partition: (
            event.materialization.metadata["provisional"],
            event.materialization.metadata["final_once_attributed_until"],
        )
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("channel_reporting")
    }
    assert shown == {
        str(day(number)): (dg.MetadataValue.bool(number > 23), dg.MetadataValue.text(str(day(number + 4))))
        for number in range(20, 29)
    }


def test_the_summary_of_a_run_says_what_is_final_and_what_is_provisional(made_shop: MadeShop) -> None:
    result = made_shop.run("2024-02-23", "2024-02-26")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert "Final, unless rows arrive late: 2024-02-23." in lines
    assert "Provisional, until all orders that can credit them are attributed: 2024-02-24..2024-02-26." in lines


def test_the_summary_does_not_speak_of_days_that_there_are_not(made_shop: MadeShop) -> None:
    output = made_shop.run("2024-02-21", "2024-02-22").output
    assert "Final, unless rows arrive late: 2024-02-21..2024-02-22." in output
    assert "Provisional" not in output
    output = made_shop.run("2024-02-26", "2024-02-26").output
    assert "Provisional, until all orders that can credit them are attributed: 2024-02-26." in output
    assert "Final" not in output
