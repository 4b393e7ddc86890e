"""The account with the IHC API as a resource: what is asked with it, and who answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field

from attribution_assets.attribution.ihc_api.account import GIVE_UP_AFTER_SECONDS, IhcApi, is_on_loopback
from attribution_assets.attribution.ihc_api.order_types import AskedWith, OrderTypes
from attribution_assets.attribution.ihc_api.redistribution import redistribution_parameter
from attribution_assets.attribution.ledger.ledger import Ledger
from attribution_assets.attribution.masking import masked
from attribution_assets.attribution.storage.stamps import digest
from attribution_assets.attribution.tables.credit import EMBEDDED
from attribution_assets.attribution.tables.readable import quoted
from attribution_assets.attribution.training.answered_days import TypesInUse
from attribution_assets.attribution.training.conversion_types import ConversionTypes
from attribution_assets.environment import require_certificates, require_proxy_for
from attribution_assets.errors import ConfigurationError
from attribution_assets.ihc_service.model import ModelParameters, version
from attribution_assets.resources.of_data_set import OfDataSet, as_configuration_error

if TYPE_CHECKING:
    from attribution_assets.attribution.ihc_api.client import IhcClient


_THE_ACCOUNTS = "the account's"


class IhcApiAccount(OfDataSet):
    """The account with the IHC API; without a key the embedded service answers in its place."""

    url: str = Field(description="Full URL of compute_ihc")
    api_key: str | None = Field(default=None, description="The account's secret")
    conv_type_id: str = Field(description="Conversion type, trained in the vendor's dashboard")
    max_journeys_per_request: int = Field(description="Limit of the account")
    max_sessions_per_request: int = Field(description="Limit of the account")
    max_concurrent_requests: int = Field(description="Requests under way at once, per run")
    redistribution_parameter: str | None = Field(default=None, description="JSON object, sent as it is")
    types_of_orders: dict[str, str] = Field(
        default={}, description="Value of conversions.conversion_type and the conversion type that it stands for"
    )
    max_requests_per_run: int | None = Field(default=None, description="Budget of a run, each try counted")
    allow_http: bool = Field(default=False, description="Whether the key may go to another host over http://, in clear")
    answer_seconds: int = Field(default=60, description="How long one exchange with the API may take in all")
    conversion_types: str = Field(
        default="data/conversion_types",
        description="Folder or URL of trained parameters, a file for each type",
    )

    @property
    def answered_by(self) -> str:
        """Who splits the orders: `embedded`, or the API's URL, without the key if that is a part of it."""
        return masked(self.url, [self.api_key]) if self.api_key else EMBEDDED

    @property
    def settings(self) -> str:
        """One text that stands for the settings that credit depends on: other settings, other text."""
        return self.settings_with(self.conv_type_id, self.redistribution_parameter)

    @property
    def order_types(self) -> OrderTypes:
        """Which conversion type splits which order."""
        return OrderTypes(self.conv_type_id, self.types_of_orders)

    def settings_of(self, values: Sequence[str], redistribution_parameter: str | None = _THE_ACCOUNTS) -> str:
        """`settings` of orders with these conversion types, as the source calls them (`Stamp.conversion_types`).

        Args:
            values: what the source calls them; none for the account's.
            redistribution_parameter: as it would be with this one; without it, the account's.
        """
        given = self.redistribution_parameter if redistribution_parameter == _THE_ACCOUNTS else redistribution_parameter
        unmapped = self.order_types.unmapped(values)
        used = {self.order_types.of(value) for value in values or [""] if value not in unmapped}
        of_types = {name: self.settings_with(name, given) for name in used} | dict.fromkeys(unmapped, "not mapped")
        return next(iter(of_types.values())) if len(of_types) == 1 else digest(of_types)

    def require_mapped(self, values: Iterable[str], where: str = "") -> None:
        """See that all conversion types of orders, as the source calls them, are mapped.

        Args:
            values: what the source calls them.
            where: which order has the first of those that are not, in words.

        Raises:
            ConfigurationError: One is not.
        """
        if unmapped := self.order_types.unmapped(values):
            mapped = {**self.order_types.mapped, unmapped[0]: self.conv_type_id}
            raise ConfigurationError(
                f"conversions.conversion_type is {quoted(unmapped[0])}{where}, which IHC_CONVERSION_TYPES does not"
                " map to a conversion type of the account: add it, as in"
                f" IHC_CONVERSION_TYPES='{json.dumps(mapped, ensure_ascii=False)}'"
            )

    def asked_with(self, conv_type_id: str) -> AskedWith:
        """What the answers of a conversion type were asked with that can teach it."""
        of_day = partial(self.settings_of, redistribution_parameter=None)
        return AskedWith(conv_type_id, self.settings_with(conv_type_id), of_day, self.order_types)

    def settings_with(self, conv_type_id: str, redistribution_parameter: str | None = None) -> str:
        """`settings`, as they would be with this conversion type and redistribution parameter."""
        who = self.answered_by
        if not self.api_key and (parameters := self.known_types().get(conv_type_id)):
            who = _embedded_name(parameters)
        return digest({"who": who, "type": conv_type_id, "given": redistribution_parameter or ""})

    def trained(self) -> ConversionTypes:
        """The trained conversion types, with those that come with the package.

        Raises:
            ConfigurationError: The URL names a kind of storage that is unknown or not installed.
        """
        with as_configuration_error("ATTRIBUTION_CONVERSION_TYPES", self.conversion_types):
            return ConversionTypes(self.conversion_types)

    def known_types(self) -> Mapping[str, ModelParameters]:
        """The parameters of each conversion type that the embedded service can answer.

        Raises:
            ConfigurationError: A file of them cannot be read, or as for `trained`.
        """
        trained = self.trained()
        with as_configuration_error("ATTRIBUTION_CONVERSION_TYPES", self.conversion_types):
            return trained.parameters()

    def types_in_use(self) -> TypesInUse:
        """The conversion types that orders can have, as far as they are trained.

        Raises:
            ConversionTypesError: A file of them cannot be read.
            ConfigurationError: As for `trained`.
        """
        types, found = self.trained(), self.order_types
        trained = {name: known for name in found.in_use if (known := types.read(name))}
        return TypesInUse(found, trained, partial(self.settings_of, redistribution_parameter=None))

    def check(self) -> None:
        """See that the settings can be used, without calling anybody.

        Raises:
            ConfigurationError: One of them cannot.
        """
        require_certificates()
        self._api(self.url, self.api_key or EMBEDDED)
        if not self.api_key:
            self._parameters()

    def client(self, ledger: Ledger) -> "IhcClient":
        """A client of the API; without a key, of an embedded service that starts when it is first asked.

        Args:
            ledger: the answers that are known, and where new ones are kept.

        Raises:
            ConfigurationError: A setting cannot be used.
        """
        from attribution_assets.attribution.ihc_api.client import IhcClient  # noqa: PLC0415  # only who asks needs it
        from attribution_assets.attribution.ihc_api.sender import StandIn  # noqa: PLC0415  # as above

        require_certificates()
        if self.api_key:
            return IhcClient(self._api(self.url, self.api_key), ledger)
        parameters = self._parameters()
        names = {name: _embedded_name(known) for name, known in parameters.items()}
        stand_in = StandIn(names[self.conv_type_id], partial(self._embedded_service, parameters), names)
        return IhcClient(self._api(self.url, EMBEDDED), ledger, stand_in)

    def _parameters(self) -> Mapping[str, ModelParameters]:
        """What the embedded service answers with, by conversion type."""
        known, types = self.known_types(), self.order_types
        for name in types.in_use:
            if name not in known:
                of_account = name == self.conv_type_id
                setting = self.label("ihc_conv_type_id" if of_account else "ihc_conversion_types")
                raise ConfigurationError(
                    f"{setting} {'is' if of_account else 'names'} {quoted(name)}, and without IHC_API_KEY the embedded"
                    f" service answers, which knows only {', '.join(map(quoted, sorted(known)))}: train it with"
                    " `attribution-assets train`, or set IHC_API_KEY"
                )
        return {name: known[name] for name in types.in_use}

    def _embedded_service(self, types: Mapping[str, ModelParameters]) -> AbstractContextManager[str]:
        from attribution_assets.ihc_service.server import embedded_ihc_service  # noqa: PLC0415  # 0.5 s that only it needs

        return embedded_ihc_service(self.max_journeys_per_request, self.max_sessions_per_request, types)

    def _api(self, url: str, api_key: str) -> IhcApi:
        try:
            api = IhcApi(
                url=url,
                api_key=api_key.strip(),
                conv_type_id=self.conv_type_id,
                max_journeys_per_request=self.max_journeys_per_request,
                max_sessions_per_request=self.max_sessions_per_request,
                max_concurrent_requests=self.max_concurrent_requests,
                redistribution_parameter=self.redistribution(),
                max_requests_per_run=self.max_requests_per_run,
                answer_seconds=self.answer_seconds,
                give_up_after_seconds=max(GIVE_UP_AFTER_SECONDS, 5 * self.answer_seconds),
            )
        except ValueError as error:
            raise ConfigurationError(f"IHC_API_URL, IHC_API_KEY or a limit cannot be used: {error}") from None
        if self.api_key and not is_on_loopback(url):
            address = urlsplit(url)
            if address.scheme == "http" and not self.allow_http:
                raise ConfigurationError(
                    f"IHC_API_URL begins with http://, so that IHC_API_KEY would go to {address.hostname} in clear:"
                    " write https://, or set IHC_ALLOW_HTTP=on if nobody can listen on the way"
                )
            require_proxy_for(url)
        return api

    def redistribution(self) -> Mapping[str, Any] | None:
        """The redistribution parameter, if there is one.

        Raises:
            ConfigurationError: It cannot be used.
        """
        if self.redistribution_parameter is None:
            return None
        try:
            return redistribution_parameter(self.redistribution_parameter)
        except ValueError as error:
            raise ConfigurationError(f"{self.label('ihc_redistribution_parameter')} {error}") from None


def _embedded_name(parameters: ModelParameters) -> str:
    return f"{EMBEDDED} {version(parameters)}"
