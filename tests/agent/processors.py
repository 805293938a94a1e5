"""CPUs and cpupools in miniature, which obey xl as Xen's do, and in which xl may be killed at any moment."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from teig.agent.contract.failure import host_fault
from teig.agent.xen.hypervisor import Domain, Pool, Share

PLAIN = [(0, number) for number in range(64)]
DOM0 = "00000000-0000-0000-0000-000000000000"


class Killed(BaseException):
    """The process was killed."""


class CpuPools:
    """A host's CPUs, cpupools and domains. `killed_after` commands of xl its caller dies; `refuses` makes one fail.

    Of CPUs that Xen does not add or remove xl says so, and ends well (tools/xl/xl_cpupool.c). One that is `stuck` was
    half removed: it is in no pool, and only its old one takes it (xen/common/sched/cpupool.c,
    cpupool_assign_cpu_locked).
    """

    def __init__(self, cpus: int, dom0_vcpus: int = 2, cores: list[tuple[int, int]] | None = None) -> None:
        self.cores = cores or PLAIN[:cpus]
        self.pool: dict[int, list[int]] = {0: list(range(cpus))}
        self.names = {0: "Pool-0"}
        self.free: set[int] = set()
        self.running = [domain(0, DOM0, dom0_vcpus)]
        self.weights = {0: Share(512, 0)}
        self.online: dict[int, int] = {}
        self.commands = 0
        self.killed_after: float = float("inf")
        self.refuses = ""
        self.stuck: dict[int, int] = {}

    def pools(self) -> list[Pool]:
        inside = [found.cpupool for found in self.running]
        return [Pool(number, tuple(cpus), inside.count(number)) for number, cpus in self.pool.items()]

    def pool_name(self, pool: Pool) -> str:
        return self.names.get(pool.number, "")

    def read(self, path: str) -> str | None:
        match = re.fullmatch(r"/local/pool/(\d+)/name", path)
        return self.names.get(int(match[1])) if match else None

    def free_cpus(self) -> tuple[int, ...]:
        return tuple(sorted(self.free))

    def core_of(self) -> list[tuple[int, int]]:
        return self.cores

    def domains(self) -> list[Domain]:
        return list(self.running)

    def vcpus(self, domain: Domain) -> int:
        return self.online.get(domain.domid, domain.vcpus)

    def set_share(self, domid: int, share: Share) -> None:
        self.weights[domid] = share

    def sizes(self) -> dict[str, list[int]]:
        return {self.names.get(number, ""): cpus for number, cpus in self.pool.items()}

    def xl(self, argv: Sequence[str], *_: object) -> str:
        """Stand in for `must`."""
        if self.commands >= self.killed_after:
            raise Killed
        self.commands += 1
        if self.refuses and self.refuses in argv:
            if argv[1] in {"cpupool-cpu-add", "cpupool-cpu-remove"}:
                return ""
            raise host_fault("xl_failed", "xl failed: busy")
        commands: dict[str, Callable[..., None]] = {
            "cpupool-cpu-remove": self._remove,
            "cpupool-cpu-add": self._add,
            "cpupool-create": self._create,
            "cpupool-destroy": self._destroy,
            "cpupool-migrate": self._migrate,
            "vcpu-set": self._vcpu_set,
        }
        commands[argv[1]](*argv[2:])
        return ""

    def _number(self, name: str) -> int:
        return int(name) if name.isdigit() else next(number for number, known in self.names.items() if known == name)

    def _remove(self, name: str, cpu: str) -> None:
        number = self._number(name)
        if len(self.pool[number]) == 1 and any(found.cpupool == number for found in self.running):
            return
        self.pool[number].remove(int(cpu))
        self.free.add(int(cpu))

    def _add(self, name: str, cpu: str) -> None:
        if self.stuck.get(int(cpu), self._number(name)) != self._number(name):
            return
        self.stuck.pop(int(cpu), None)
        self.free.remove(int(cpu))
        self.pool[self._number(name)].append(int(cpu))

    def _create(self, name: str, cpus: str) -> None:
        wanted = [int(word) for word in re.findall(r"\d+", cpus)]
        assert self.free.issuperset(wanted)
        number = max(self.pool) + 1
        self.pool[number] = wanted
        self.free -= set(wanted)
        self.names[number] = name.split('"')[1]

    def _destroy(self, name: str) -> None:
        number = self._number(name)
        assert number != 0
        assert all(found.cpupool != number for found in self.running)
        self.free |= set(self.pool.pop(number))
        self.names.pop(number, None)

    def _migrate(self, domid: str, name: str) -> None:
        number = self._number(name)
        self.running = [
            found._replace(cpupool=number) if found.domid == int(domid) else found for found in self.running
        ]
        self.weights[int(domid)] = Share(256, 0)

    def _vcpu_set(self, domid: str, count: str) -> None:
        self.online[int(domid)] = int(count)


def domain(domid: int, guest: str, vcpus: int = 1, cpupool: int = 0) -> Domain:
    return Domain(
        domid, guest, 96 << 10, 97 << 10, vcpus, 5, dying=False, shutdown=False, shutdown_reason=0, paused=False,
        cpupool=cpupool,
    )  # fmt: skip
