"""What can be asked of an agent: the verbs, their arguments, and which agents know them. Both ends check by this table.

`teig.agent.verbs` has what each verb does, docs/agent.md what it answers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from teig.agent.contract.arguments import (
    Check,
    anything,
    check,
    disk_index,
    fence,
    file_name,
    guest_id,
    one_of,
    port,
    seconds,
    sha256,
    volume_group,
    whole,
)  # fmt: skip
from teig.agent.contract.failure import invalid
from teig.agent.contract.spec import MOST_DISK_BYTES, size

_CHANGE: dict[str, Check] = {"guest": guest_id, "fence": fence}
_GRACE = seconds(3600)


class Verb(NamedTuple):
    """A verb's arguments; `needs`: the capability of agents that know it, none where all do; `bytes_follow` them."""

    arguments: dict[str, Check]
    needs: str = ""
    bytes_follow: bool = False


JOBS: dict[str, dict[str, Check]] = {
    "guest_start": {},
    "guest_stop": {"grace_s": _GRACE},
    "guest_reboot": {"grace_s": _GRACE},
    "volume_create": {"index": disk_index, "size_bytes": size, "pool": volume_group},
    "volume_write_image": {"index": disk_index, "image": sha256},
    "volume_delete": {"index": disk_index},
}
"""What `job_begin` begins, and its `args`. `job_begin_once` begins it once for an `operation`, whatever its fence: one
that another server has taken over must not do again what was done while no server asked after it."""
_BEGIN: dict[str, Check] = {**_CHANGE, "verb": one_of(*sorted(JOBS)), "args": anything}

VERBS: dict[str, Verb] = {
    "hello": Verb({"protocol": whole(0, 2**31)}),
    "host_facts": Verb({}),
    "inventory": Verb({}),
    "audit_facts": Verb({}),
    "pool_bench": Verb({"pool": volume_group}),
    "keeper_start": Verb({}),
    "image_begin": Verb({"image": sha256, "manifest": anything}),
    "image_present": Verb({"image": sha256}),
    "image_receive": Verb(
        {"image": sha256, "file": file_name, "size": whole(1, MOST_DISK_BYTES), "sha256": sha256}, bytes_follow=True
    ),
    "guest_show": Verb({"guest": guest_id}),
    "guest_define": Verb({**_CHANGE, "spec": anything}),
    "guest_undefine": Verb(_CHANGE),
    "guest_enforce": Verb(_CHANGE),
    "job_begin": Verb(_BEGIN, needs="jobs"),
    "job_begin_once": Verb({**_BEGIN, "operation": guest_id}, needs="once"),
    "job_show": Verb(_CHANGE, needs="jobs"),
    "job_cancel": Verb(_CHANGE, needs="jobs"),
    "connect": Verb({"guest": guest_id, "port": port}, bytes_follow=True),
    "console": Verb({"guest": guest_id}, bytes_follow=True),
}


def check_request(verb: str, untrusted: Any) -> dict[str, Any]:
    """Return a request's arguments, with a job's own; a Failure where there is no such verb or they do not fit."""
    if verb not in VERBS:
        raise invalid(f"There is no verb {verb!r:.80}.", code="unknown_verb")
    args = check(VERBS[verb].arguments, untrusted)
    if verb in {"job_begin", "job_begin_once"}:
        args["args"] = check(JOBS[args["verb"]], args["args"])
    return args
