"""What settings are called in messages about a data set."""

import pytest

from attribution_assets.attribution.ihc_api.errors import failure
from attribution_assets.instance.data_set_names import DataSetNames


@pytest.mark.parametrize(
    ("words", "of_shop_de"),
    [
        (
            "the first day is 2023-08-01: set ATTRIBUTION_START_DATE to 2023-01-01 or earlier",
            "the first day is 2023-08-01: set start_date of the data set shop_de to 2023-01-01 or earlier",
        ),
        (
            "more than ATTRIBUTION_MAX_REJECTED_SHARE=0.01 allows",
            "more than max_rejected_share=0.01 of the data set shop_de allows",
        ),
        (
            str(failure(400, "")),
            (
                "the IHC API answered 400 (check ihc_conv_type_id of the data set shop_de, ihc_redistribution_parameter"
                " and the limits ihc_max_journeys_per_request and ihc_max_sessions_per_request)"
            ),
        ),
        (
            """which IHC_CONVERSION_TYPES does not map: IHC_CONVERSION_TYPES='{"new": "x"}'""",
            """which ihc_conversion_types of the data set shop_de does not map: ihc_conversion_types='{"new": "x"}'""",
        ),
        ("trained types are in ATTRIBUTION_CONVERSION_TYPES", "trained types are in ATTRIBUTION_CONVERSION_TYPES"),
        (
            "shop_de.yaml, line 1: database_url (the variable ATTRIBUTION_DATABASE_URL) is no URL",
            "shop_de.yaml, line 1: database_url (the variable ATTRIBUTION_DATABASE_URL) is no URL",
        ),
    ],
)
def test_settings_of_a_named_data_set_are_called_by_its_attributes(words: str, of_shop_de: str) -> None:
    assert DataSetNames("shop_de").in_attributes(words) == of_shop_de
    assert DataSetNames().in_attributes(words) == words
