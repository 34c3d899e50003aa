#!/usr/bin/env python3
"""make bench: durable throughput, CPU and memory of njegated beside Postfix and the machine's floors.

2 KB messages, 20 sessions, everything on loopback and on one file system. What is compared runs
interleaved (A B A B ...) and ratios are of medians. Nothing here is a pass or a failure: it prints a
table, also to build/bench.txt.

    run.py [--messages N] [--rounds N] [--quick] [--no-slow] [--plain] [--only WORD]"""
import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.path.join(HERE, '..', '..'))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'e2e')]
import pkgs  # noqa: E402
from postfix import Postfix, wait_port  # noqa: E402

WORK = os.path.join(TOP, 'build', 'bench')
TICK = os.sysconf('SC_CLK_TCK')
SESSIONS, SIZE = 20, 2048
# A sender of NJE waits for X'C0' before it offers the next file on a stream, and a link has seven: three
# neighbours are what twenty sessions are to SMTP.
NODES, STREAMS = ('MVSA', 'MVSB', 'MVSC'), 7


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def tree(pid):
    """pid and all its living descendants."""
    parents = {}
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as f:
                    parents[int(name)] = int(f.read().rsplit(')', 1)[1].split()[1])
            except OSError:
                pass
    found, grown = {pid}, True
    while grown:
        more = {p for p, pp in parents.items() if pp in found} - found
        grown = bool(more)
        found |= more
    return found


def cpu(pid):
    """CPU seconds of a process tree, its ended and reaped children included."""
    total = 0
    for p in tree(pid):
        try:
            with open('/proc/%d/stat' % p) as f:
                total += sum(int(v) for v in f.read().rsplit(')', 1)[1].split()[11:15])
        except OSError:
            pass
    return total / TICK


def rss(pid):
    """Resident kilobytes of a process tree (proportional, so that shared pages count once)."""
    total = 0
    for p in tree(pid):
        try:
            with open('/proc/%d/smaps_rollup' % p) as f:
                total += int(re.search(r'^Pss: +(\d+)', f.read(), re.M).group(1))
        except (OSError, AttributeError):
            pass
    return total


class Disk:
    """Where all queues lie. A disk mounted with `discard` makes each unlinked message file dear, which is no
    fault of Postfix: as root both get an ext4 of their own, without it."""

    def __init__(self):
        self.path, self.mounted = WORK, False

    def mount(self, plain):
        if plain:
            return 'the disk of the tree'
        image, folder = os.path.join(WORK, 'disk.img'), os.path.join(WORK, 'disk')
        os.makedirs(folder, exist_ok=True)
        with open(image, 'wb') as f:  # written, not sparse: a sync must not have to find blocks for the file
            for _ in range(1024):
                f.write(bytes(1 << 20))
            os.fsync(f.fileno())
        for command in (['mkfs.ext4', '-q', '-F', image], ['mount', '-o', 'loop,nodiscard', image, folder]):
            if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
                os.unlink(image)
                return 'the disk of the tree'
        self.path, self.mounted = folder, True
        return 'an ext4 without discard'

    def unmount(self):
        if self.mounted:
            subprocess.run(['umount', '-l', self.path], check=False)
            os.unlink(os.path.join(WORK, 'disk.img'))


disk = Disk()


def build():
    """The C ends of the bench and the preload shim."""
    os.makedirs(WORK, exist_ok=True)
    cc = os.environ.get('CC', 'gcc')
    subprocess.run([cc, '-O2', '-shared', '-fPIC', os.path.join(HERE, 'slowsync.c'), '-o',
                    os.path.join(WORK, 'slowsync.so'), '-ldl'], check=True)
    subprocess.run([cc, '-O2', os.path.join(HERE, 'floor.c'), '-o', os.path.join(WORK, 'floor')], check=True)
    libs = [os.path.join(TOP, 'build', 'lib%s.a' % a) for a in ('rscs', 'base')]
    for name in ('nje_sink', 'nje_source'):
        subprocess.run([cc, '-std=c17', '-D_GNU_SOURCE', '-O2', '-I' + TOP, os.path.join(HERE, name + '.c'), '-o',
                        os.path.join(WORK, name), '-Wl,--start-group'] + libs +
                       ['-Wl,--end-group', '-levent_core', '-levent_openssl', '-levent_pthreads', '-lssl', '-lcrypto',
                        '-lunbound', '-lpthread'], check=True)


def slow_env(us):
    return {'LD_PRELOAD': os.path.join(WORK, 'slowsync.so'), 'SLOWSYNC_US': str(us)} if us else {}


def tool(name):
    found = pkgs.tool(name)
    if not found:
        raise RuntimeError('%s (package postfix) cannot be had' % name)
    return found


def source(port, count, to, sessions=SESSIONS):
    path, env = tool('smtp-source')
    return subprocess.Popen([path, '-d', '-m', str(count), '-s', str(sessions), '-l', str(SIZE), '-f',
                             'steve@example.org', '-t', to, 'inet:127.0.0.1:%d' % port], env=env,
                            # the sink that ends with its last message leaves the source's QUIT unanswered
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sink(port, count):
    path, env = tool('smtp-sink')
    who = ['-u', 'nobody'] if os.geteuid() == 0 else []
    p = subprocess.Popen([path] + who + ['-M', str(count), '-h', 'sink.test', 'inet:127.0.0.1:%d' % port, '1000'],
                         env=env, stdout=subprocess.DEVNULL)
    wait_port(('127.0.0.1', port), p)
    return p


class Gate:
    """njegated with one NJE link, a fresh database and a smart host."""

    def __init__(self, us=0, sink_port=None, name='gate'):
        self.dir = os.path.join(disk.path, name)
        self.peers = []
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.smtp, self.nje = free_port(), free_port()
        self.conf = os.path.join(self.dir, 'conf')
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('LOCAL GATE\nHOSTNAME gate\nDOMAINORIGIN example.test\nGATEWAY\nRSCSDOMAIN RSCSNET\n'
                    'LISTENSMTP 127.0.0.1:%d\nLISTENNJE 127.0.0.1:%d\nDATABASE db\nCONTROL control\n'
                    'RESOLVER 127.0.0.1:9\n' % (self.smtp, self.nje))
            for node in NODES:
                f.write('LINKDEFINE %s TYPE TCPNJE NODE %s\nPARM %s STREAMS=%d\nROUTE %s TO %s\n' %
                        (node, node, node, STREAMS, node, node))
            if sink_port:
                f.write('SMARTHOST 127.0.0.1:%d\n' % sink_port)
        with open(os.path.join(self.dir, 'log'), 'wb') as log:
            self.process = subprocess.Popen([os.path.join(TOP, 'build', 'njegated'), '-c', self.conf],
                                            env=dict(os.environ, **slow_env(us)), stdout=log, stderr=log)
        wait_port(('127.0.0.1', self.smtp), self.process)

    pid = property(lambda self: self.process.pid)

    def cli(self, *words):
        return subprocess.run([os.path.join(TOP, 'build', 'njegate'), '-c', self.conf] + list(words), check=True,
                              capture_output=True, text=True).stdout

    def stop(self):
        for p in self.peers:
            p.kill()
            p.wait()
        self.process.terminate()
        self.process.wait(60)


def peer(program, gate, *words, node=NODES[0]):
    p = subprocess.Popen([os.path.join(WORK, program), '127.0.0.1:%d' % gate.nje, node, 'GATE'] + list(words),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    gate.peers.append(p)
    expect(p, 'UP')
    return p


def expect(p, word):
    line = p.stdout.readline()
    if not line.startswith(word):
        raise RuntimeError('%s said %r, not %s' % (p.args[0], line, word))
    return line


def timed(pid, begin, wait, count):
    """Messages a second and CPU seconds per 1000."""
    before, start = cpu(pid), time.monotonic()
    begin()
    wait()
    spent = time.monotonic() - start
    return count / spent, (cpu(pid) - before) / count * 1000


# --- the runs -------------------------------------------------------------------------------------

def run_smtp_to_nje(count, us):
    gate = Gate(us)
    try:
        receiver = peer('nje_sink', gate, str(count))
        return timed(gate.pid, lambda: source(gate.smtp, count, 'bob%mvsa@gate.example.test'),
                     lambda: expect(receiver, 'DONE'), count)
    finally:
        gate.stop()


def run_nje_to_smtp(count, us, nodes=NODES):
    port = free_port()
    gate = Gate(us, port)
    receiver = sink(port, count)
    try:
        for i in range(SESSIONS):
            gate.cli('nick', 'add', 'U%d' % i, 'u%d@bench.test' % i)
        share = [count // len(nodes) + (i < count % len(nodes)) for i in range(len(nodes))]
        senders = [peer('nje_source', gate, str(n), 'U%d', 'GATE', str(SESSIONS), str(SIZE), node=node)
                   for node, n in zip(nodes, share)]

        def begin():
            for sender in senders:
                sender.stdin.write('go\n')
                sender.stdin.flush()
        return timed(gate.pid, begin, receiver.wait, count)
    finally:
        receiver.kill()
        gate.stop()


def run_one_link(count, us):
    return run_nje_to_smtp(count, us, NODES[:1])


def run_postfix_seven(count, us):
    return run_postfix(count, us, STREAMS)


def run_postfix(count, us, sessions=SESSIONS):
    port, sink_port = free_port(), free_port()
    receiver = sink(sink_port, count)
    server = Postfix(os.path.join(disk.path, 'postfix'), port, sink_port, slow_env(us)).start()
    try:
        return timed(server.pid, lambda: source(port, count, 'x@bench.test', sessions), receiver.wait, count)
    finally:
        receiver.kill()
        server.stop()


def run_floor_wire(count, us):
    port = free_port()
    receiver = sink(port, count)
    start = time.monotonic()
    sender = source(port, count, 'x@bench.test')
    receiver.wait()
    spent = time.monotonic() - start
    sender.kill()
    sender.wait()
    return count / spent, 0.0


def disk_floor(us):
    out = subprocess.run([os.path.join(WORK, 'floor'), disk.path], check=True, capture_output=True, text=True,
                         env=dict(os.environ, **slow_env(us))).stdout
    return {k: float(v) for k, v in (ln.split() for ln in out.splitlines())}


# --- memory --------------------------------------------------------------------------------------------

def idle_memory(port, pid, count):
    """Kilobytes an idle session that said EHLO costs, and the process tree at rest."""
    at_rest, socks = rss(pid), []
    for _ in range(count):
        try:
            s = socket.create_connection(('127.0.0.1', port), timeout=20)
            greeting = s.recv(1000)
            s.sendall(b'EHLO idle.test\r\n')
            if not greeting.startswith(b'220') or not s.recv(4000).startswith(b'250'):
                break
        except OSError:
            break
        socks.append(s)
    full = rss(pid)
    for s in socks:
        s.close()
    return at_rest, (full - at_rest) / max(len(socks), 1), len(socks)


# --- the table ------------------------------------------------------------------------------------------

RUNS = [('njegate SMTP -> NJE', run_smtp_to_nje), ('njegate NJE -> SMTP', run_nje_to_smtp),
        ('Postfix SMTP -> SMTP', run_postfix)]
# One link and its seven streams beside seven sessions.
RUNS_SEVEN = [('njegate NJE -> SMTP', run_one_link), ('Postfix SMTP -> SMTP', run_postfix_seven)]


class Table:
    def __init__(self):
        self.lines = []

    def say(self, text=''):
        print(text, flush=True)
        self.lines.append(text)

    def save(self):
        with open(os.path.join(TOP, 'build', 'bench.txt'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(self.lines) + '\n')


def interleaved(table, title, count, rounds, us, only, runs=RUNS, sessions=SESSIONS):
    got = {name: [] for name, _ in runs}
    for _ in range(rounds):
        for name, run in runs:
            if only and only not in name:
                continue
            try:
                got[name].append(run(count, us))
            except (RuntimeError, OSError, subprocess.SubprocessError) as e:
                table.say('%s: not measured: %s' % (name, e))
    table.say('%s: %d messages of %d bytes, %d sessions, %d rounds' % (title, count, SIZE, sessions, rounds))
    table.say('  %-24s %12s %12s %12s %18s' % ('', 'median /s', 'lowest', 'highest', 'CPU s per 1000'))
    medians = {}
    for name, values in got.items():
        if values:
            rates, costs = [v[0] for v in values], [v[1] for v in values]
            medians[name] = (statistics.median(rates), statistics.median(costs))
            table.say('  %-24s %12.0f %12.0f %12.0f %18.3f' % (
                name, medians[name][0], min(rates), max(rates), medians[name][1]))
    base = medians.get('Postfix SMTP -> SMTP')
    for name, (rate, cost) in medians.items():
        if base and not name.startswith('Postfix'):
            table.say('  %-24s %.2f x the rate of Postfix, %.2f x its CPU' % (name, rate / base[0], cost / base[1]))
    table.say()
    return medians


def floors(table, count, rounds):
    wire = statistics.median(run_floor_wire(count, 0)[0] for _ in range(rounds))
    table.say('floors')
    table.say('  %-44s %10.0f /s' % ('smtp-source straight to smtp-sink', wire))
    for us in (0, 5000):
        for name, value in disk_floor(us).items():
            table.say('  %-44s %10.0f /s' % ('append 2 KB and fdatasync, in groups of %s%s' % (
                name.split('_')[1], ', syncs 5 ms slower' if us else ''), value))
    table.say()


def memory(table, sessions):
    table.say('memory')
    gate = Gate()
    try:
        at_rest, each, n = idle_memory(gate.smtp, gate.pid, sessions)
        table.say('  njegated at rest %.1f MB; an idle SMTP session %.1f KB (over %d)' % (at_rest / 1024, each, n))
    finally:
        gate.stop()
    try:
        server = Postfix(os.path.join(disk.path, 'postfix'), free_port(), free_port()).start()
        try:
            at_rest, each, n = idle_memory(server.port, server.pid, 90)
            table.say('  Postfix at rest %.1f MB; an idle SMTP session %.1f KB (over %d)' % (at_rest / 1024, each, n))
        finally:
            server.stop()
    except (RuntimeError, OSError) as e:
        table.say('  Postfix: not measured: %s' % e)
    table.say()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument('--messages', type=int, default=10000)
    a.add_argument('--rounds', type=int, default=5)
    a.add_argument('--quick', action='store_true', help='2000 messages, 3 rounds')
    a.add_argument('--no-slow', action='store_true', help='not with slow syncs')
    a.add_argument('--sessions', type=int, default=5000, help='idle sessions for the memory figure')
    a.add_argument('--plain', action='store_true', help='the queues on the disk of the tree as it is mounted')
    a.add_argument('--only', default='', help='only the runs whose name holds this')
    args = a.parse_args()
    if args.quick:
        args.messages, args.rounds = 2000, 3
    build()
    table = Table()
    table.say('njegate bench, %s, %d cores, %s' % (time.strftime('%Y-%m-%d %H:%M'), os.cpu_count(),
                                                   os.uname().release))
    table.say('Postfix 3.7 with in_flow_delay = 0; queues of both on %s' % disk.mount(args.plain))
    table.say()
    try:
        measure(table, args)
    finally:
        disk.unmount()
    table.save()


def measure(table, args):
    floors(table, args.messages, args.rounds)
    interleaved(table, 'as the disk is', args.messages, args.rounds, 0, args.only)
    if not args.no_slow:
        count = max(args.messages // 4, 500)
        interleaved(table, '5 ms added to each sync', count, args.rounds, 5000, args.only)
        interleaved(table, '5 ms added to each sync, one link', count, args.rounds, 5000, args.only, RUNS_SEVEN,
                    STREAMS)
    memory(table, args.sessions)


if __name__ == '__main__':
    main()
