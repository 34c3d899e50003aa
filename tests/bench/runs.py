"""The ends of `make bench`: the gate, its neighbours, Postfix, and one timed run of each kind."""
import os
import re
import shutil
import socket
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
USERS = 20
# A sender of NJE waits for X'C0' before it offers the next file on a stream, and a link has seven: three
# neighbours are what twenty sessions are to SMTP.
NODES, STREAMS = ['MVS%c' % c for c in range(ord('A'), ord('Z'))], 7


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


def cpu_exact(pid):
    """CPU seconds of one process and all its threads, to the nanosecond: /proc counts in hundredths."""
    return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of that process


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
        with open(image, 'wb') as f:  # written where the queues lie: a sync must not have to find blocks for the file
            for _ in range(1024):
                f.write(bytes(1 << 20))
            f.truncate(6 << 30)  # and room for the files of gigabytes
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
    subprocess.run([cc, '-std=c17', '-D_GNU_SOURCE', '-O2', os.path.join(HERE, 'smtp_load.c'), '-o',
                    os.path.join(WORK, 'smtp_load'), '-lpthread'], check=True)
    libs = [os.path.join(TOP, 'build', 'lib%s.a' % a) for a in ('rscs', 'base')]
    subprocess.run([cc, '-O2', os.path.join(HERE, 'floor_bulk.c'), '-o', os.path.join(WORK, 'floor_bulk'),
                    '-lpthread'], check=True)
    for name in ('nje_sink', 'nje_source', 'nje_bulk'):
        subprocess.run([cc, '-std=c17', '-D_GNU_SOURCE', '-O2', '-I' + TOP, os.path.join(HERE, name + '.c'), '-o',
                        os.path.join(WORK, name), '-Wl,--start-group'] + libs +
                       ['-Wl,--end-group', '-levent_core', '-levent_openssl', '-levent_pthreads', '-lssl', '-lcrypto',
                        '-lunbound', '-lgsasl', '-lidn2', '-lcrypt', '-lpthread'], check=True)


def slow_env(us):
    return {'LD_PRELOAD': os.path.join(WORK, 'slowsync.so'), 'SLOWSYNC_US': str(us)} if us else {}


def tool(name):
    found = pkgs.tool(name)
    if not found:
        raise RuntimeError('%s (package postfix) cannot be had' % name)
    return found


def source(port, load, to):
    path, env = tool('smtp-source')
    return subprocess.Popen([path, '-d', '-m', str(load.count), '-s', str(load.sessions), '-l', str(load.size), '-f',
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

    def __init__(self, us=0, sink_port=None, name='gate', more=''):
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
            f.write(more)
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


def timed(pid, begin, wait, count, cpu_of=cpu):
    """Messages a second and CPU seconds per 1000."""
    before, start = cpu_of(pid), time.monotonic()
    begin()
    wait()
    spent = time.monotonic() - start
    return count / spent, (cpu_of(pid) - before) / count * 1000


# --- the runs -------------------------------------------------------------------------------------

class Load:
    """What one run moves: count messages of size bytes, us added to each sync, over so many sessions."""

    def __init__(self, count, us=0, sessions=SESSIONS, size=SIZE):
        self.count, self.us, self.sessions, self.size = count, us, sessions, size

    def nodes(self):
        """Neighbours with streams enough for the sessions, and the streams each uses."""
        return NODES[:-(-self.sessions // STREAMS)], min(self.sessions, STREAMS)


def run_smtp_to_nje(load, more=''):
    gate = Gate(load.us, more=more)
    try:
        receiver = peer('nje_sink', gate, str(load.count))
        return timed(gate.pid, lambda: source(gate.smtp, load, 'bob%mvsa@gate.example.test'),
                     lambda: expect(receiver, 'DONE'), load.count, cpu_exact)
    finally:
        gate.stop()


def run_nje_to_smtp(load, more=''):
    port = free_port()
    gate = Gate(load.us, port, more=more)
    receiver = sink(port, load.count)
    nodes, streams = load.nodes()
    try:
        for i in range(USERS):
            gate.cli('nick', 'add', 'U%d' % i, 'u%d@bench.test' % i)
        senders = []
        for i, node in enumerate(nodes):
            share = load.count // len(nodes) + (i < load.count % len(nodes))
            senders.append(peer('nje_source', gate, str(share), 'U%d', 'GATE', str(USERS), str(load.size),
                                str(streams), node=node))

        def begin():
            for sender in senders:
                sender.stdin.write('go\n')
                sender.stdin.flush()
        return timed(gate.pid, begin, receiver.wait, load.count, cpu_exact)
    finally:
        receiver.kill()
        gate.stop()


def run_postfix(load):
    port, sink_port = free_port(), free_port()
    receiver = sink(sink_port, load.count)
    server = Postfix(os.path.join(disk.path, 'postfix'), port, sink_port, slow_env(load.us)).start()
    try:
        return timed(server.pid, lambda: source(port, load, 'x@bench.test'), receiver.wait, load.count)
    finally:
        receiver.kill()
        server.stop()


# --- from the dot to the 250 -------------------------------------------------------------------------

def waits(port, load, to):
    out = subprocess.run([os.path.join(WORK, 'smtp_load'), '127.0.0.1', str(port), str(load.count),
                          str(load.sessions), str(load.size), 'steve@example.org', to], check=True,
                         capture_output=True, text=True).stdout
    return {k: int(v) for k, v in (ln.split() for ln in out.splitlines())}


def wait_of_gate(load):
    gate = Gate(load.us)
    try:
        peer('nje_sink', gate, str(load.count))
        return waits(gate.smtp, load, 'bob%mvsa@gate.example.test')
    finally:
        gate.stop()


def wait_of_postfix(load):
    port, sink_port = free_port(), free_port()
    receiver = sink(sink_port, load.count)
    server = Postfix(os.path.join(disk.path, 'postfix'), port, sink_port, slow_env(load.us)).start()
    try:
        return waits(port, load, 'x@bench.test')
    finally:
        receiver.kill()
        server.stop()


# --- floors ---------------------------------------------------------------------------------------------

def floor_wire(count):
    port = free_port()
    receiver = sink(port, count)
    start = time.monotonic()
    sender = source(port, Load(count), 'x@bench.test')
    receiver.wait()
    spent = time.monotonic() - start
    sender.kill()
    sender.wait()
    return count / spent


def disk_floor(us):
    out = subprocess.run([os.path.join(WORK, 'floor'), disk.path], check=True, capture_output=True, text=True,
                         env=dict(os.environ, **slow_env(us))).stdout
    return {k: float(v) for k, v in (ln.split() for ln in out.splitlines())}


# --- memory ---------------------------------------------------------------------------------------------

def idle_memory(port, pid, count):
    """Kilobytes at rest, kilobytes an idle session that said EHLO costs, and how many there were."""
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


def idle_of_gate(sessions):
    gate = Gate()
    try:
        return idle_memory(gate.smtp, gate.pid, sessions)
    finally:
        gate.stop()


def idle_of_postfix(sessions):
    server = Postfix(os.path.join(disk.path, 'postfix'), free_port(), free_port()).start()
    try:
        return idle_memory(server.port, server.pid, sessions)
    finally:
        server.stop()


def busy_memory(load):
    """The most kilobytes njegated held while the load went through."""
    gate = Gate(load.us)
    try:
        receiver = peer('nje_sink', gate, str(load.count))
        source(gate.smtp, load, 'bob%mvsa@gate.example.test')
        expect(receiver, 'DONE')
        with open('/proc/%d/status' % gate.pid, encoding='ascii') as f:
            return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1))
    finally:
        gate.stop()
