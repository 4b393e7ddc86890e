"""What a row of each result is: its fields, in the order of the columns. How results are found is in `results.py`."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, Field

Day = Annotated[str, Field(description="YYYY-MM-DD, UTC", examples=["2024-02-01"])]
Channel = Annotated[str, Field(examples=["Search"])]


class ReportRow(BaseModel):
    """What a channel cost and earned on a day, or by one of both."""

    channel_name: Channel | None = Field(None, description="marketing channel; not there with group=day")
    date: Day | None = Field(None, description="day; not there with group=channel")
    dimension: str | None = Field(None, description="the dimension, if one was asked for", examples=["campaign"])
    value: str | None = Field(None, description="its value", examples=["brand"])
    cost: float | None = Field(description="cost", examples=[12.5])
    ihc: float = Field(description="attributed orders, by the model that was asked for", examples=[0.75])
    ihc_revenue: float = Field(description="attributed revenue", examples=[60.0])
    cpo: float | None = Field(description="cost of an attributed order; null without orders", examples=[16.5])
    roas: float | None = Field(description="attributed revenue by cost; null without cost", examples=[4.8])


class Touchpoint(BaseModel):
    """A touchpoint of an order's journey, with its credit."""

    conv_id: str = Field(description="the order", examples=["o1"])
    conversion_time: dt.datetime = Field(description="time of the order, UTC")
    session_id: str = Field(description="the visit", examples=["s1"])
    session_time: dt.datetime = Field(description="start of the visit, UTC")
    channel_name: Channel
    initializer: float | None = Field(description="share of the initializer phase", examples=[0.4])
    holder: float | None = Field(description="share of the holder phase", examples=[0.3])
    closer: float | None = Field(description="share of the closer phase", examples=[0.3])
    ihc: float | None = Field(description="share of the order: the touchpoint's credit", examples=[0.35])
    outcome: str = Field(description="what became of the order", examples=["attributed"])
    reason: str | None = Field(description="why the order or the touchpoint got no credit")
    answered_by: str = Field(description="who attributed the order: the API's URL, or embedded", examples=["embedded"])


class UnattributedOrder(BaseModel):
    """An order without credit."""

    conv_id: str = Field(description="the order", examples=["o3"])
    conversion_time: dt.datetime = Field(description="time of the order, UTC")
    reason: str = Field(description="why: no_sessions, too_long or refused", examples=["no_sessions"])
    detail: str | None = Field(description="the same in detail")
    revenue: float = Field(description="value of the order", examples=[7.0])


class SetAsideRow(BaseModel):
    """A source row that a run has set aside."""

    table: str = Field(description="sessions, conversions or spend", examples=["sessions"])
    date: Day
    row_key: str | None = Field(description="the row's id; null where it has none", examples=["s2"])
    reason: str = Field(description="all that is wrong with it", examples=["channel_name '' is empty"])
    row: str = Field(description="the row as it was read, as JSON; long values are shortened")
    amount: float | None = Field(description="the cost or revenue that is set aside with it")


class ModelRow(BaseModel):
    """The credit of a channel by one model, of a day of visits and a day of orders."""

    model: str = Field(description="attribution model", examples=["last_touch"])
    channel_name: Channel
    touch_date: Day
    conversion_date: Day
    orders: float = Field(description="attributed orders", examples=[1.0])
    revenue: float = Field(description="attributed revenue", examples=[90.0])


class PathRow(BaseModel):
    """Orders of a day with one sequence of channels."""

    path: str = Field(description="channels of the journey's touchpoints", examples=["Display > Search"])
    days_to_conversion: int = Field(description="whole days from the first touchpoint to the order", examples=[2])
    conversion_date: Day
    touchpoints: int = Field(description="touchpoints of the journey", examples=[2])
    orders: int = Field(description="attributed orders", examples=[1])
    revenue: float = Field(description="their revenue", examples=[90.0])


class RoleRow(BaseModel):
    """The orders of a day that a channel took part in."""

    channel_name: Channel
    conversion_date: Day
    influenced_orders: int = Field(description="orders with the channel anywhere in their journey", examples=[1])
    influenced_revenue: float = Field(description="their revenue", examples=[90.0])
    assisted_orders: int = Field(description="orders with the channel before the last touchpoint", examples=[1])
    assisted_revenue: float = Field(description="their revenue", examples=[90.0])
    initializer: float = Field(description="orders by the initializer phase", examples=[0.4])
    holder: float = Field(description="orders by the holder phase", examples=[0.3])
    closer: float = Field(description="orders by the closer phase", examples=[0.3])


class MarkovRow(BaseModel):
    """The credit of a channel by the Markov chain of all paths of the days."""

    channel_name: Channel
    first_date: Day
    last_date: Day
    removal_effect: float = Field(description="share of orders that would be lost without the channel", examples=[0.6])
    orders: float = Field(description="attributed orders", examples=[1.2])
    revenue: float = Field(description="attributed revenue", examples=[72.0])


class AssetStatus(BaseModel):
    """The days of an asset that there is something to say of."""

    asset: str = Field(description="the asset", examples=["journeys"])
    missing: list[Day] = Field(description="days that hold data and were never made")
    changed: list[Day] = Field(description="days whose source rows are others than those that were read")
    stale: list[Day] = Field(description="days that are to be made anew")
    blocked: list[Day] = Field(description="those of them that wait for rows to be corrected")
    provisional: list[Day] = Field(description="reported days that orders still to be attributed can change")


class KeptAnswers(BaseModel):
    """The paid answers that are kept, of one conversion type and month."""

    conversion_type: str = Field(description="the account's conversion type", examples=["default"])
    month: str = Field(description="month of the answers, UTC", examples=["2024-02"])
    answered_by: str = Field(description="the API's URL, or the embedded service", examples=["embedded 1"])
    answers: int = Field(description="answered journeys", examples=[120])
    requests: int = Field(description="requests that they came with", examples=[2])
    touchpoints: int = Field(description="touchpoints of these journeys", examples=[340])


class TrainedConversionType(BaseModel):
    """A trained conversion type and its quality, measured on journeys that were not learned from."""

    conversion_type: str = Field(description="its id", examples=["new"])
    version: int = Field(description="counts its trainings, from 1", examples=[1])
    trained_at: dt.datetime = Field(description="when, UTC")
    method: str = Field(description="answers, transcription or journeys", examples=["answers"])
    approximation: bool = Field(description="whether it was not learned from answers of the API")
    source: str = Field(description="from what it was learned")
    answers: int = Field(description="answered journeys that it was learned from", examples=[3000])
    mean_error: float | None = Field(description="mean error of a touchpoint's credit; null if it was not measured")
    worst_error: float | None = Field(description="the largest error; null as above")
    touchpoints: int | None = Field(description="touchpoints over which errors were measured; null as above")
    in_use: bool = Field(description="whether the data set's orders are attributed with it")
