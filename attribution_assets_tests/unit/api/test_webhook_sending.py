"""How events are signed, and which addresses they may go to."""

from ipaddress import ip_network

import pytest

from attribution_assets.api.webhook_sending import may_be_called, signature
from attribution_assets.errors import ConfigurationError
from attribution_assets.settings import webhook_networks


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The secret, id and body of its documentation; the signature is that of the package standardwebhooks 1.1.0."""
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - it is refused
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:0:a00:1::",
    ],
)
def test_no_address_within_a_machine_or_network_may_be_called(address: str) -> None:
    assert not may_be_called(address, (), tls=True)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_may_be_called_over_tls_alone(address: str) -> None:
    assert may_be_called(address, (), tls=True)
    assert not may_be_called(address, (ip_network("10.0.0.0/8"),), tls=False)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("10.2.0.1", False), ("fd00::1", True), ("169.254.169.254", False)],
)
def test_of_others_those_in_the_allowed_networks_may_be_called(address: str, *, allowed: bool) -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))
    assert may_be_called(address, networks, tls=False) is allowed
    assert may_be_called(address, networks, tls=True) is allowed


def test_networks_are_named_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook_networks() == ()
    monkeypatch.setenv("ATTRIBUTION_WEBHOOK_NETWORKS", "10.1.0.0/16, fd00::/64")
    assert webhook_networks() == (ip_network("10.1.0.0/16"), ip_network("fd00::/64"))
    monkeypatch.setenv("ATTRIBUTION_WEBHOOK_NETWORKS", "10.1.0.1/16")
    with pytest.raises(ConfigurationError, match=r"ATTRIBUTION_WEBHOOK_NETWORKS is '10.1.0.1/16': .*host bits set"):
        webhook_networks()
