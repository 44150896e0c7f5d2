# SPDX-License-Identifier: Apache-2.0
"""What is measured: the rows with their goals, and the groups of them that are measured together.

Absolute times on a shared machine drift by a factor of two within minutes; so every row is a ratio
of things measured in turns within the same round, and what counts is the median of the rounds.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import select
import socket
import statistics
import time

from bench_host import AUDIT_SESSION, BARE, DAEMON, PEOPLE, RUN, USER, memory_of

RTT_MS = 40


@dataclasses.dataclass
class Row:
    id: str
    what: str
    goal: float | None  # None: told, not judged
    least: bool = False  # the goal is the least that counts, not the most
    exact: bool = False  # counted, not timed: no allowance for a noisy machine
    required: bool = True  # a miss fails the run
    tail: bool = False  # says something on a quiet machine only: told, not judged, with --quick
    unit: str = ""
    prototype: str = ""
    # Where the design's prototype is measured too: its figure on the design's machine.
    bare_there: float | None = None
    values: list = dataclasses.field(default_factory=list)  # one a round
    bare: list = dataclasses.field(default_factory=list)  # the prototype's on this machine

    def goal_here(self):
        """The goal as far from what the prototype reaches on this machine as the design put it from
        what it reached on the design's. Never the stricter one.
        """
        if not self.bare:
            return self.goal
        carried = self.goal * statistics.median(self.bare) / self.bare_there
        return min(self.goal, carried) if self.least else max(self.goal, carried)

    def reaches(self, goal, allowance=1.0):
        if goal is None:
            return True
        value = statistics.median(self.values)
        allowance = 1.0 if self.exact else allowance
        return value * allowance >= goal if self.least else value <= goal * allowance

    def met(self, allowance=1.0):
        return self.reaches(self.goal_here(), allowance)


ROWS = [
    Row("A1", "(login - gate) / two keep-alive POSTs", 1.7, prototype="1.95"),
    Row("A1t", "the same, the POSTs in a tight loop (for information)", None, prototype="1.95"),
    Row("A2", "(login - null) / (two POSTs + fresh bus call)", 3, prototype="2.06", required=False),
    Row("A3", "pam_exec + 2 curl / login, fresh processes", 7, least=True, prototype="8.2",
        bare_there=8.2),
    Row("A3b", "the same, system's CA bundle, one process", 25, least=True, prototype="44"),
    Row("A4", "(login - permit) / two POSTs, 40 ms away", 1.05, prototype="1.03", required=False),
    Row("B1", "(gate - permit) / fresh bus round trip", 8, prototype="6.3", required=False),
    Row("B2", "(gate - null) / fresh bus round trip", 3, prototype="2.07"),
    Row("B3", "instructions of a gate above null", 200, unit="k", prototype="112"),
    Row("B3s", "system calls of a gate above permit", 150, prototype="108"),
    Row("B3f", "processes a gate starts", 0, exact=True, prototype="0"),
    Row("B4", "pam_exec + 2 curl / gate", 10, least=True, prototype="12.9", required=False),
    Row("B5", "pam_exec /bin/true / gate", 1.5, least=True, prototype="1.72"),
    Row("B6", "sudo with the gate / sudo with its own ticket", 1.4, prototype="1.29"),
    Row("B6a", "the same, with our account phase in both", 1.4, prototype="-", required=False),
    Row("B7", "sudo with pam_exec + 2 curl / sudo with the gate", 4.5, least=True, prototype="5.4", required=False),
    Row("B8", "p99 / p50 of the gate", 3, prototype="1.29", tail=True),
    Row("C1", "logins/s / (curl requests/s / 2), 10 in flight", 0.4, least=True,
        prototype="0.36-0.40", bare_there=0.38),
    Row("C2", "logins/s / (100 in flight / two round trips of 40 ms)", 0.95, least=True,
        prototype="0.97", required=False),
    Row("C3", "daemon's growth per login, 1000 in flight", 40, unit="kB", prototype="15-29"),
    Row("C3f", "of those, failed", 0, exact=True, prototype="-"),
    Row("C3p", "daemon's growth per open prompt, 5000 of them", 40, unit="kB", prototype="-"),
    Row("C3pf", "of those, failed", 0, exact=True, prototype="-"),
    Row("C4", "gate p50 beside 100 logins at 40 ms / alone", 2, prototype="1.19", tail=True,
        bare_there=1.19),
    Row("C4p", "the same, p99", 15, prototype="9.5", tail=True, bare_there=9.5),
    Row("D1", "daemon's anonymous memory, idle", 3, unit="MB", prototype="1.6"),
    Row("D1a", "the same, after logins", 4, unit="MB", prototype="2.05"),
    Row("D1r", "daemon's RSS after logins / bare curl process", 1.3, prototype="1.02"),
    Row("D2", "libraries new in the PAM application", 18, exact=True, prototype="18"),
    Row("D2c", "of those, libcurl or TLS", 0, exact=True, prototype="0"),
    Row("D2r", "RSS kept after pam_end, gate", 256, unit="kB", prototype="156"),
    Row("D2l", "RSS kept after pam_end, login", 256, unit="kB", prototype="88"),
    Row("N1", "gate among 100,000 held entries / among ten", 1.1, prototype="-"),
]

median = statistics.median


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Samples(dict):
    """Samples of one round by name; medians as attributes of a call."""

    def add(self, name, samples):
        self.setdefault(name, []).extend(samples)

    def __call__(self, name):
        return median(self[name])


def pam_calls(bench, add, rounds, effort):
    """PAM transactions in one process. One of each in turn: people sign in one by one, on a machine
    that did something else meanwhile, so the floors too are to find its caches as it left them.
    """
    turns = 40 * effort
    with bench.pam() as outside, bench.pam(session=True) as inside, bench.bus() as bus, \
            bench.https() as https:
        for warm in range(rounds + 1):
            seen = Samples()
            tight = https.measure("pairs", 100)
            outside.tell("code", bench.code())
            for _ in range(turns):
                for service in ("bench-permit", "bench-null", "bench-login"):
                    seen.add(service, outside.ask("run", service, 1))
                for service in ("bench-gate", "bench-exec-true"):
                    seen.add(service, inside.ask("run", service, 1))
                seen.add("fresh", bus.ask("fresh", 1))
                seen.add("posts", https.ask("pairs", 1))
            seen.add("curl", outside.measure("run", "bench-exec-curl", 3))
            steady = inside.ask("run", "bench-gate", 200 * effort)
            if warm == 0:
                continue  # caches filled, connections opened
            add("A1", (seen("bench-login") - seen("bench-gate")) / seen("posts"))
            add("A1t", (seen("bench-login") - seen("bench-gate")) / median(tight))
            add("A2", (seen("bench-login") - seen("bench-null")) / (seen("posts") + seen("fresh")))
            add("B1", (seen("bench-gate") - seen("bench-permit")) / seen("fresh"))
            add("B2", (seen("bench-gate") - seen("bench-null")) / seen("fresh"))
            add("B4", seen("curl") / seen("bench-gate"))
            add("B5", seen("bench-exec-true") / seen("bench-gate"))
            add("B8", percentile(steady, 0.99) / median(steady))
            yield {name: seen(name) for name in seen}


FRESH = (("fresh", "bench-login"), ("fresh", "bench-bare"), ("fresh", "bench-exec-curl"),
         ("run", "bench-login"), ("run", "bench-exec-curl-bundle"))


def fresh_processes(bench, add, rounds, effort):
    """Against two curls: one transaction a process, from fork to its end; with the system's CA
    bundle in one process, as the prototype was measured.
    """
    with bench.pam() as outside:
        for warm in range(rounds + 1):
            seen = Samples()
            for turn in range(2 * effort):
                # There and back again: who comes after the many programs of a script finds their
                # traces in the processor's caches.
                for how, service in FRESH if turn % 2 == 0 else reversed(FRESH):
                    seen.add((how, service), outside.measure(how, service, 4))
            if warm:
                for add_to, service in ((add, "bench-login"), (add.bare, "bench-bare")):
                    add_to("A3", seen(("fresh", "bench-exec-curl")) / seen(("fresh", service)))
                add("A3b", seen(("run", "bench-exec-curl-bundle")) / seen(("run", "bench-login")))
                yield {f"{service} {how}": seen((how, service)) for how, service in seen}


def counted(bench, add, rounds, effort):
    """What is counted and not timed: instructions, system calls, processes, libraries, pages."""
    report = bench.host.path(f"{RUN}/report")
    once = [bench.tool("pam_series"), USER, "--in-session", "--once"]

    def instructions(worker, service):
        worker.ask("root", "/dev/null", "valgrind", "--tool=callgrind",
                   "--callgrind-out-file=/dev/null", f"--log-file={RUN}/report", *once, service)
        return int(re.search(r"Collected : (\d+)", report.read_text()).group(1))

    def system_calls(worker, service):
        worker.ask("root", "/dev/null", "strace", "-f", "-c", "-o", f"{RUN}/report", *once, service)
        calls = {line.split()[-1]: int(line.split()[3]) for line in
                 report.read_text().splitlines() if re.match(r"\s*\d+[.,]\d+ ", line)}
        return calls["total"], sum(calls.get(c, 0) for c in ("clone", "clone3", "fork", "vfork"))

    def residue(worker, service):
        worker.ask("root", f"{RUN}/report", bench.tool("pam_series"), USER,
                   *(["--in-session"] if service == "bench-gate" else []), "--residue", service, 60)
        return json.loads(report.read_text())

    with bench.pam(session=True) as inside, bench.pam() as outside:
        for _ in range(min(rounds, 3)):
            null, gate = (instructions(inside, f"bench-{s}") for s in ("null", "gate"))
            add("B3", (gate - null) / 1000)
            (permit, _), (calls, forks) = (system_calls(inside, f"bench-{s}")
                                           for s in ("permit", "gate"))
            add("B3s", calls - permit)
            add("B3f", forks)
            left = residue(inside, "bench-gate")
            add("D2", len(left["libraries"]))
            add("D2c", sum(bool(re.search(r"libcurl|libssl|libgnutls", name))
                           for name in left["libraries"]))
            add("D2r", left["kept_kb"])
            outside.tell("code", bench.code())
            add("D2l", residue(outside, "bench-login")["kept_kb"])
            yield {"instructions": gate, "system calls": calls}


def sudo(bench, add, rounds, effort):
    """Real sudo, by the user in the session, from fork to its end."""
    gate, ticket = ("sudo", "-k", "true"), ("sudo", "-n", "true")
    with bench.pam(session=True) as inside:
        for warm in range(rounds + 1):
            seen = Samples()
            for account in (False, True):
                bench.sudo_stack(account)
                inside.ask("user", 1, "sudo", "true")  # makes the ticket
                for _ in range(3 * effort):
                    seen.add(("gate", account), inside.ask("user", 8, *gate))
                    seen.add(("ticket", account), inside.ask("user", 8, *ticket))
            bench.sudo_stack(False, auth=bench.module_of("bench-exec-curl-sudo"))
            inside.tell("code", bench.code())
            seen.add(("curl", False), inside.ask("user", 4 * effort, *gate))
            if warm:
                add("B6", seen(("gate", False)) / seen(("ticket", False)))
                add("B6a", seen(("gate", True)) / seen(("ticket", True)))
                add("B7", seen(("curl", False)) / seen(("gate", False)))
                yield {f"{what}{' account' if account else ''}": seen((what, account))
                       for what, account in seen}


def throughput(bench, add, rounds, effort):
    """Ten logins in flight against ten bare requests in flight."""
    with bench.https() as https, bench.logins() as ours, bench.logins(BARE) as prototype:
        https.measure("rate", 10, 0.2)
        for _ in range(rounds):
            bench.restart_daemon()  # or thousands of unredeemed tickets would be held
            requests, seen, spent = [], {}, {}
            for add_to, logins in ((add, ours), (add.bare, prototype)):
                logins.measure("logins", 10, 50)
                requests.append(https.measure("rate", 10, 0.5 * effort))
                before = processor_times(bench)
                seen[add_to] = whole(logins.measure("logins", 10, 500 * effort))
                spent[add_to] = spent_per(500 * effort, before, processor_times(bench))
            requests.append(https.measure("rate", 10, 0.5 * effort))
            for add_to, result in seen.items():
                add_to("C1", per_second(result) / (statistics.mean(requests) / 2))
            yield {"logins/s": per_second(seen[add]), "prototype's": per_second(seen[add.bare]),
                   "requests/s": statistics.mean(requests),
                   "processor ms a login": spent[add], "prototype's ms": spent[add.bare]}


def processor_times(bench):
    """Seconds of the processor that the programs of the host have used, by name."""
    times = {}
    for pid in bench.host.pids():
        with contextlib.suppress(OSError):
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            name = stat[stat.index("(") + 1:stat.rindex(")")]
            user, system = stat[stat.rindex(")") + 2:].split()[11:13]
            times[name] = times.get(name, 0) + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return times


def spent_per(count, before, after):
    """Milliseconds of each program for one of COUNT, those that did something, the dearest first."""
    spent = {name: 1000 * (after[name] - before.get(name, 0)) / count for name in after}
    return {name: round(spent[name], 2) for name in sorted(spent, key=spent.get, reverse=True)
            if spent[name] >= 0.01}


def thousand(bench, add, rounds, effort):
    """A thousand logins in flight at once, Identity 40 ms away."""
    with bench.logins() as logins, distant(bench):
        for _ in range(rounds):
            pid = bench.restart_daemon()
            logins.measure("logins", 1, 5)
            before = memory_of(pid, "status", "VmRSS")
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew
            result = logins.measure("logins", 1000, 1000)
            add("C3", (memory_of(pid, "status", "VmHWM") - before) / 1000)
            add("C3f", result["failed"])
            yield {"seconds": result["seconds"], "why": result["why"]}


def open_prompts(bench, add, rounds, effort):
    """Five thousand people at their prompts, and the daemon still answers."""
    for _ in range(rounds):
        with bench.logins() as logins:
            pid = bench.restart_daemon()
            logins.measure("logins", 1, 5)
            before = memory_of(pid, "status", "VmRSS")
            result = logins.ask("prompts", 5000)
            add("C3p", (memory_of(pid, "status", "VmRSS") - before) / 5000)
            add("C3pf", result["failed"])
            status = json.loads(bench.host.run(["raxauth", "status", "--json"]).stdout)
            if status["conversations"] != result["open"]:
                raise RuntimeError(f"{result['open']} are open, the daemon says {status}")
            logins.tell("leave")
            yield {"open": result["open"], "why": result["why"]}


def distant_identity(bench, add, rounds, effort):
    """Identity 40 ms away: one login, a hundred at once, and a gate beside them."""
    with bench.https() as https, bench.logins() as logins, bench.logins(BARE) as prototype, \
            bench.pam() as outside, distant(bench):
        for _ in range(rounds):
            bench.restart_daemon()
            https.measure("pairs", 1)
            outside.measure("run", "bench-login", 1)
            seen = Samples()
            for _ in range(3 * effort):
                seen.add("posts", https.measure("pairs", 2))
                seen.add("permit", outside.measure("run", "bench-permit", 2))
                seen.add("login", outside.measure("run", "bench-login", 2))
            add("A4", (seen("login") - seen("permit")) / seen("posts"))

            logins.measure("logins", 100, 200)  # fills the pool
            many = whole(logins.measure("logins", 100, 500))
            add("C2", per_second(many) / (100 / (seen("posts") / 1e6)))

            ours = gate_beside_logins(bench, add, logins, DAEMON, effort)
            prototype.measure("logins", 100, 200)
            bare = gate_beside_logins(bench, add.bare, prototype, BARE, effort)
            yield {**{name: seen(name) for name in seen}, **ours,
                   **{f"prototype's {what}": value for what, value in bare.items()}}


def gate_beside_logins(bench, add, logins, daemon, effort):
    seconds = 0.6 + 0.6 * effort  # a tail needs many
    with bench.gate(daemon=daemon) as gate:
        gate.ask("gate", 100)
        alone = gate.ask("gate", 800 * effort)
        logins.tell("code", bench.code())
        logins.tell("flood", 100, seconds + 0.4)
        beside, until = [], time.monotonic() + seconds
        gate.ask("gate", 20)
        while time.monotonic() < until:
            beside += gate.ask("gate", 50)
        flood = whole(logins.read())
    add("C4", median(beside) / median(alone))
    add("C4p", percentile(beside, 0.99) / percentile(alone, 0.99))
    return {"gate alone": median(alone), "gate beside": median(beside), "gates beside": len(beside),
            "p99 alone": percentile(alone, 0.99), "p99 beside": percentile(beside, 0.99),
            "logins/s": per_second(flood)}


def memory(bench, add, rounds, effort):
    """The daemon's own memory, and what a bare libcurl process needs."""
    with bench.https() as https, bench.logins() as logins:
        https.measure("pairs", 20)
        (bare_pid,) = bench.host.pids("https_floor")
        bare = memory_of(bare_pid, "smaps_rollup", "Rss")
        for _ in range(rounds):
            pid = bench.restart_daemon()
            add("D1", memory_of(pid, "smaps_rollup", "Anonymous") / 1024)
            whole(logins.measure("logins", 10, 100))
            with bench.pam(session=True), bench.pam(session=True) as inside:
                inside.ask("run", "bench-gate", 50)
                bench.wait_for_worker()  # the sessions' password verifiers: 16 MiB while it lasts
                anonymous = memory_of(pid, "smaps_rollup", "Anonymous") / 1024
                resident = memory_of(pid, "smaps_rollup", "Rss")
            add("D1a", anonymous)
            add("D1r", resident / bare)
            yield {"daemon's RSS, kB": resident, "curl's RSS, kB": bare}


def held_entries(bench, add, rounds, effort):
    """A gate of a daemon that holds ten sessions, and of one that holds a hundred thousand."""
    for _ in range(rounds):
        seen = Samples()
        for count in (10, 100_000):
            with kept_sessions(bench, count), bench.gate(sign_in=False) as gate:
                gate.ask("gate", 100)
                seen.add(count, gate.ask("gate", 500 * effort))
        add("N1", seen(100_000) / seen(10))
        yield {f"among {count}": seen(count) for count in seen}


# ---------------------------------------------------------------------------------------------

def whole(result):
    """RESULT of a batch of logins, none of which may have failed."""
    if result["failed"]:
        raise RuntimeError(f"{result['failed']} logins failed: {result['why']}")
    return result


def per_second(result):
    return result["granted"] / result["seconds"]


@contextlib.contextmanager
def distant(bench):
    bench.host.identity.latency(RTT_MS)
    try:
        yield
    finally:
        bench.host.identity.latency(0)


@contextlib.contextmanager
def kept_sessions(bench, count):
    """A daemon that took COUNT sessions out of the descriptor store of its service manager."""
    bench.host.kill_daemon()
    place = bench.host.path(f"{RUN}/notify")
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(place))
        place.chmod(0o666)
        daemon = bench.host.spawn(
            [bench.tool("kept_sessions"), bench.url, count, USER, PEOPLE[USER], AUDIT_SESSION,
             "/usr/libexec/raxauthd"], env={"NOTIFY_SOCKET": f"{RUN}/notify"})
        wanted = {b"READY=1", b"FDSTORE=1"}  # up, and done with saving what it took
        while wanted:
            if not select.select([manager], [], [], 60)[0]:
                raise RuntimeError(f"the daemon with {count} sessions did not say {wanted}")
            wanted -= set(manager.recv(4096).split(b"\n"))
        try:
            yield
        finally:
            bench.host.kill_daemon()
            daemon.wait()


GROUPS = [
    (pam_calls, {"A1", "A1t", "A2", "B1", "B2", "B4", "B5", "B8"}),
    (fresh_processes, {"A3", "A3b"}),
    (counted, {"B3", "B3s", "B3f", "D2", "D2c", "D2r", "D2l"}),
    (sudo, {"B6", "B6a", "B7"}),
    (throughput, {"C1"}),
    (thousand, {"C3", "C3f"}),
    (open_prompts, {"C3p", "C3pf"}),
    (distant_identity, {"A4", "C2", "C4", "C4p"}),
    (memory, {"D1", "D1a", "D1r"}),
    (held_entries, {"N1"}),
]
