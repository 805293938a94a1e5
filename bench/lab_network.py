"""Programs for `network.py`: what guests run to send packets and frames, and Domain-0 to count and catch them.

Guests are of image micro, which has no program that sends frames: perl-base from the lab host is put onto their disks,
the interpreter alone, before they are started.
"""

from __future__ import annotations

SEND = r"""#!/bin/perl
# Send datagrams as fast as possible: seconds, size (bytes), flows (sockets, each with a port of its own), to.
my %given = map { split /=/, $_, 2 } split /&/, $ENV{QUERY_STRING};
my $to = pack("S n C4 x8", 2, 9, split(/\./, $given{to}));
my @flows = map { socket(my $flow, 2, 2, 17); $flow } 1 .. $given{flows};
my ($data, $sent, $until) = ("x" x $given{size}, 0, time() + $given{seconds});
while (time() < $until) {
    for my $flow (@flows) { send($flow, $data, 0, $to) && $sent++ for 1 .. 8; }
}
print "Content-Type: text/plain\r\n\r\n$sent\n";
"""
FRAMES = r"""#!/bin/perl
# Send the frames of the body, one a line in hexadecimal.
open(my $file, "<", "/sys/class/net/eth0/ifindex");
my $card = <$file> + 0;
socket(my $out, 17, 3, 0x0300);
my $address = pack("S n i S C C a8", 17, 3, $card, 0, 0, 6, "");
read(STDIN, my $body, $ENV{CONTENT_LENGTH});
for my $line (split /\s+/, $body) {
    send($out, pack("H*", $line), 0, $address);
    select(undef, undef, undef, 0.02);
}
print "Content-Type: text/plain\r\n\r\n";
"""
PINGS = r"""#!/bin/sh
. /lib/cgi.sh
count=$(argument count 100 1 10000) || refuse "count must be from 1 to 10000."
gateway=$(route -n | awk '$1 == "0.0.0.0" { print $2; exit }')
text
ping -c "$count" -i 0.1 -W 5 "$gateway" | sed -n 's/.*time=\([0-9.]*\) ms/\1/p'
"""
PREPARE = r"""
set -eu
volume=$1
where=$(mktemp -d)
e2fsck -fy "$volume" >/dev/null 2>&1 || true
resize2fs "$volume" >/dev/null 2>&1
mount "$volume" "$where"
install -D /usr/bin/perl "$where/bin/perl"
ldd /usr/bin/perl | grep -o '/[^ ]*' | while read -r file; do install -D "$file" "$where$file"; done
for name in send frames pings; do install -m 755 "/root/$name" "$where/www/cgi-bin/$name"; done
umount "$where"
"""
"""Run in Domain-0 with a guest's volume, before its first start."""
COUNT = """
import sys, time
device, wait, seconds, *names = sys.argv[1:]
def look():
    return [time.monotonic(), *(int(open(f"/sys/class/net/{device}/statistics/{name}").read()) for name in names)]
time.sleep(float(wait))
first = look()
time.sleep(float(seconds))
last = look()
print(*((b - a) / (last[0] - first[0]) for a, b in zip(first[1:], last[1:])))
"""
"""Prints how much a device's counters grow each second: device, seconds to wait, seconds to count for, counters."""
RECEIVE = """
import socket, sys, time
address, port, seconds, size = sys.argv[1], 9, float(sys.argv[2]), int(sys.argv[3])
flows = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
data, until = bytes(size), time.monotonic() + seconds
while time.monotonic() < until:
    for flow in flows:
        try:
            flow.sendto(data, (address, port))
        except OSError:
            time.sleep(0.001)
"""
"""Sends datagrams to a guest as fast as possible."""
CATCH = """
import json, select, socket, sys
caught = {}
sockets = {}
for name in sys.argv[1:]:
    one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    one.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
    one.bind((name, 0))
    sockets[one] = name
print("ready", flush=True)
while True:
    ready, _, _ = select.select([*sockets, sys.stdin], [], [])
    for one in ready:
        if one is sys.stdin:
            print(json.dumps({name: sorted(found) for name, found in caught.items()}))
            sys.exit()
        caught.setdefault(sockets[one], set()).add(one.recv(65536).hex())
"""
"""Catches frames at some devices until its standard input ends."""
FILTERED = """
import json, socket, statistics, subprocess, sys, time
def run(*argv, given=""):
    subprocess.run(argv, input=given.encode(), check=True)
run("ip", "link", "add", "xenbr0", "type", "bridge", "mcast_snooping", "0")
run("ip", "link", "set", "xenbr0", "up")
for card, inside, group in (("vif5.0", "guest5", sys.argv[1]), ("up0", "out0", "0")):
    run("ip", "link", "add", card, "type", "veth", "peer", "name", inside)
    run("ip", "link", "set", inside, "up")
    run("ip", "link", "set", card, "master", "xenbr0", "group", group, "up")
given = json.load(sys.stdin)
send, receive = (socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) for _ in range(2))
send.bind(("guest5", 0x0800))
receive.bind(("out0", 0x0800))
receive.settimeout(5)
frame = bytes.fromhex(given["frame"])
def taken():
    began = time.perf_counter()
    send.send(frame)
    while receive.recv(2048) != frame:
        pass
    return time.perf_counter() - began
time.sleep(1)
told = {name: [] for name in given["rules"]}
for _ in range(given["rounds"]):
    for name, rules in given["rules"].items():
        run("nft", "-f", "-", given="flush ruleset\\n" + rules)
        for _ in range(50):
            taken()
        told[name].append(1000 * statistics.median(taken() for _ in range(300)))
print(json.dumps(told))
"""
"""Prints the median milliseconds from a guest's card to the way out, in rounds, under each of some rules for nft."""
