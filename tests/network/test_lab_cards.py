"""A card on a real Xen host: held to its addresses and rates before it is up, whatever happens to nftables there."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from teig.agent.network.filtering import GROUP
from teig.model.errors import HostFault
from teig.model.guest import GuestSpec
from tests.fleet.conftest import Stand, await_that
from tests.lab.prepared import decided

pytestmark = pytest.mark.lab
TABLE = "nft list table bridge teig 2>/dev/null || true"


def card_of(stand: Stand, spec: GuestSpec) -> str:
    return f"vif{stand.host.guest(spec.id).domid}.0"


def is_filtered(stand: Stand, spec: GuestSpec) -> bool:
    nic, card = spec.nics[0], card_of(stand, spec)
    table = stand.run(TABLE)
    return all(f'"{card}" . {what}' in table for what in (nic.mac, nic.ip)) and f'"{card}" : goto card' in table


def answers(stand: Stand, spec: GuestSpec) -> bool:
    return b"200" in stand.get(spec).split(b"\r\n")[0]


def test_a_card_is_held_before_it_is_up_and_after_a_reboot_from_inside(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.start(spec)
    first = card_of(stand, spec)
    _is_whole(stand, spec)
    for also in (("10.77.17.0/24", "2001:db8:7::/64"), ("192.0.2.7/32",), ()):
        given = replace(spec, nics=(replace(spec.nics[0], also=also),))
        stand.host.guest_define(claim, decided(spec.id), given)
        stand.host.guest_enforce(claim)
        table = stand.run(TABLE)
        for address in ("10.77.17.0/24", "2001:db8:7::/64", "192.0.2.7"):
            assert (f'"{first}" . {address}' in table) == (address in {one.removesuffix("/32") for one in also})
    stand.get(spec, "/cgi-bin/reboot")
    await_that(lambda: stand.host.guest(spec.id).domid not in {None, int(first[3:-2])}, "the next domain")
    await_that(lambda: stand.host.guest(spec.id).answers, "its answer")
    _is_whole(stand, spec)
    stand.run("systemctl restart teig-keeper")
    await_that(lambda: f'"{first}"' not in stand.run(TABLE), "the old card to go")
    assert answers(stand, spec)


def _is_whole(stand: Stand, spec: GuestSpec) -> None:
    card = card_of(stand, spec)
    assert is_filtered(stand, spec)
    assert stand.run(f"cat /sys/class/net/{card}/netdev_group").strip() == str(GROUP)
    port = stand.run(f"bridge -d link show dev {card}")
    for flag in ("learning off", "locked on", " flood off", "state forwarding"):
        assert flag in port
    assert re.search(rf"{spec.nics[0].mac} .*static", stand.run(f"bridge fdb show dev {card}"))
    filters = stand.run(f"tc filter show dev {card} ingress")
    assert "pkts_rate 12500" in filters
    assert "rate 50500Kbit" in filters
    assert "rate 50Mbit" in stand.run(f"tc qdisc show dev {card}")


def test_after_others_have_flushed_nftables_nothing_passes_until_the_filter_is_back(stand: Stand) -> None:
    spec = stand.spec()
    stand.start(spec)
    card = card_of(stand, spec)
    nft = stand.run("command -v nft").strip()
    # As it is where nft cannot make the table: the flush is seen, and nothing can be done about it.
    stand.run(f"cp {nft} /root/nft && printf '#!/bin/sh\nexit 1\n' >/root/none && chmod 755 /root/none")
    stand.run(f"mount --bind /root/none {nft} && /root/nft flush ruleset")
    try:
        await_that(lambda: "DOWN" in stand.run(f"ip -br link show dev {card}"), "the card to be down")
    finally:
        stand.run(f"umount {nft}")
    await_that(lambda: is_filtered(stand, spec), "the filter to be back")
    await_that(lambda: "UP" in stand.run(f"ip -br link show dev {card}"), "the card to be up")
    assert answers(stand, spec)
    stand.run(
        "nft 'table bridge teig {}; delete rule bridge teig card handle 1' 2>/dev/null; nft flush table bridge teig"
    )
    await_that(lambda: "iifname vmap" in stand.run(TABLE) and is_filtered(stand, spec), "its rules to be back")
    stand.run("nft add table inet theirs && nft delete table bridge teig")
    await_that(lambda: is_filtered(stand, spec), "the filter to be back once more")
    assert "theirs" in stand.run("nft list tables")
    assert answers(stand, spec)


def test_a_guest_whose_card_cannot_be_filtered_does_not_start(stand: Stand) -> None:
    spec = stand.spec()
    claim = stand.prepare(spec)
    nft = stand.run("command -v nft").strip()
    stand.run("printf '#!/bin/sh\necho no such table; exit 1\n' >/root/none && chmod 755 /root/none")
    stand.run(f"mount --bind /root/none {nft}")
    try:
        with pytest.raises(HostFault, match="cannot be filtered: no such table"):
            stand.host.guest_start(claim)
    finally:
        stand.run(f"umount {nft}")
    assert stand.host.guest(spec.id).domid is None
    stand.host.guest_start(claim)
    stand.host.guest_wait_ready(spec.id, 80, 120)
