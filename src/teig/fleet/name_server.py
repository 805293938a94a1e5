"""The name server that is told which names addresses have: by updates (RFC 2136) that a key signs (RFC 8945)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from teig.model.errors import HostFault, InvalidRequest, Unreachable
from teig.model.reverse_name import TTL_S, pointer

PORT: Final = 53
ANSWER_S: Final = 5.0
_KEY: Final = re.compile(
    r'\s*key\s+"?(?P<name>[A-Za-z0-9._-]{1,253})"?\s*\{\s*'
    r'(?=[^}]*algorithm\s+"?(?P<algorithm>[a-z0-9-]+)"?\s*;)(?=[^}]*secret\s+"(?P<secret>[A-Za-z0-9+/=]+)"\s*;)[^{}]*\}\s*;?\s*'
)
_LEAST_SECRET: Final = 16
_PLACE: Final = re.compile(
    r"((?P<four>[0-9.]+)|\[(?P<six>[0-9A-Fa-f:.]+)\])(:(?P<port>[0-9]{1,5}))?|(?P<bare>[0-9A-Fa-f:.]+)"
)


@dataclass(frozen=True)
class Key:
    """A key that both have: its name, and its secret, which is shown nowhere."""

    name: str
    secret: bytes = field(repr=False)


def read_key(file: Path) -> Key:
    """Return the key in a file such as `tsig-keygen` writes; InvalidRequest where there is none, or others can read it.

    Its algorithm is HMAC-SHA256, which every name server has (RFC 8945, 6).
    """
    try:
        with file.open(encoding="ascii") as source:
            mode, text = os.fstat(source.fileno()).st_mode, source.read(4096)
    except OSError as error:
        raise InvalidRequest(f"The name server's key cannot be read: {error.strerror} ({file}).") from error
    except ValueError:
        mode, text = 0o600, ""
    if mode & 0o077:
        raise InvalidRequest(
            f"Others can read the name server's key in {file}.",
            f"Let only its owner: chmod 600 {file}",
            code="key_shown",
        )
    found = _KEY.fullmatch(text)
    try:
        secret = base64.b64decode(found["secret"], validate=True) if found else b""
    except binascii.Error:
        secret = b""
    if found is None or found["algorithm"] != "hmac-sha256" or len(secret) < _LEAST_SECRET:
        raise InvalidRequest(
            f"There is no key for HMAC-SHA256 in {file}.",
            f"Make one, and give it to the name server too: tsig-keygen -a hmac-sha256 teig > {file}",
            code="bad_key",
        )
    return Key(found["name"], secret)


def parse_place(untrusted: str) -> tuple[str, int]:
    """Return address and port of a name server, written as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353."""
    found = _PLACE.fullmatch(untrusted)
    try:
        address = str(ipaddress.ip_address(found["four"] or found["six"] or found["bare"])) if found else ""
    except ValueError:
        address = ""
    number = int((found and found["port"]) or PORT)
    if not address or not 0 < number < 65536:
        raise InvalidRequest(
            f"{untrusted!r:.80} is no address of a name server.", "Write it as 192.0.2.53 or [2001:db8::53]:5353."
        )
    return address, number


class NameServer:
    """A name server with the reverse zones of guests' networks."""

    def __init__(self, address: str, port: int, key: Key) -> None:
        """Prepare to tell the one at an address and port, which knows the key; nothing is sent."""
        self._where = (address, port)
        name = dns.name.from_text(key.name)
        self._keyring = {name: dns.tsig.Key(name, key.secret, dns.tsig.HMAC_SHA256)}

    def tell(self, address: str, name: str | None) -> None:
        """Let an address have just this name, or none.

        Unreachable where the name server does not answer, HostFault where it refuses, or has no zone for the address.
        """
        record = dns.name.from_text(pointer(address))
        zone = self._zone_of(record)
        update = dns.update.UpdateMessage(zone, keyring=self._keyring)
        update.delete(record, dns.rdatatype.PTR)
        if name is not None:
            update.add(record, TTL_S, dns.rdatatype.PTR, f"{name}.")
        self._ask(update, f"the update of {zone}")

    def _zone_of(self, record: dns.name.Name) -> dns.name.Name:
        """Return the zone that a record is in: that of the SOA record that comes with each of its server's answers."""
        query = dns.message.make_query(record, dns.rdatatype.SOA)
        query.use_tsig(self._keyring)
        answer = self._ask(query, f"a question for {record}")
        for found in (*answer.answer, *answer.authority):
            if found.rdtype == dns.rdatatype.SOA and record.is_subdomain(found.name):
                return found.name
        raise HostFault(
            f"The name server at {self._shown} has no zone for {record}.",
            "Make one there, and let the key update it.",
            code="no_zone",
        )

    def _ask(self, message: dns.message.Message, what: str) -> dns.message.Message:
        address, port = self._where
        try:
            answer = dns.query.tcp(message, address, ANSWER_S, port)
        except (dns.tsig.BadTime, dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadKey) as error:
            raise HostFault(
                f"The name server at {self._shown} does not accept the key: {type(error).__name__}.",
                "See that both have the same key, and the same time.",
                code="bad_key",
            ) from error
        except (OSError, EOFError, dns.exception.DNSException) as error:
            raise Unreachable(
                f"The name server at {self._shown} does not answer: {str(error).rstrip('.') or type(error).__name__}.",
                "What it is to be told is kept, and sent when it answers.",
                code="name_server_away",
            ) from error
        code = answer.rcode()
        if code not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            raise HostFault(
                f"The name server at {self._shown} refuses {what}: {dns.rcode.to_text(code)}.",
                "See that the zone is there, and that the key may update it.",
                code="name_server_refuses",
            )
        if not answer.had_tsig:
            raise HostFault(f"The name server at {self._shown} does not sign its answers.", code="bad_key")
        return answer

    @property
    def _shown(self) -> str:
        return self._where[0]
