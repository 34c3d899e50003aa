"""The NJE part of make bench: two nodes, small files, one large one, idle links. Called by run.py; `b` is
the module runs."""
import json
import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'peer'))
import njewire as nw  # noqa: E402

USERS = 20


def status(pid, word):
    """Kilobytes of one line of /proc/PID/status."""
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'^%s:\s+(\d+)' % word, f.read(), re.M).group(1))


class Node:
    """njegated as one of two NJE nodes; `other` is dialled only by `link start`."""

    def __init__(self, b, name, links, us=0, lines=()):
        self.b, self.name = b, name
        self.dir = os.path.join(b.disk.path, 'node-' + name.lower())
        self.peers = []
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.nje, smtp = b.free_port(), b.free_port()
        self.conf = os.path.join(self.dir, 'conf')
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write('LOCAL %s\nHOSTNAME %s\nDOMAINORIGIN example.test\nGATEWAY\nRSCSDOMAIN RSCSNET\n'
                    'LISTENSMTP 127.0.0.1:%d\nLISTENNJE 127.0.0.1:%d\nDATABASE db\nCONTROL control\nMAXHOPS 32\n'
                    'RESOLVER 127.0.0.1:9\nMAXMAILBYTES 2147483647\nNOTIFY NONE\n' % (name, name.lower(), smtp, self.nje))
            for node, port in links:
                f.write('LINKDEFINE %s TYPE TCPNJE NODE %s\nPARM %s STREAMS=7 RETRY=1%s\nROUTE %s TO %s\n' % (
                    node, node, node, ' HOST=127.0.0.1 PORT=%d' % port if port else '', node, node))
            for i in range(USERS):
                f.write('LOCALUSER U%d\n' % i)
            f.write(''.join(line + '\n' for line in lines))
        with open(os.path.join(self.dir, 'log'), 'wb') as log:
            self.process = subprocess.Popen([os.path.join(b.TOP, 'build', 'njegated'), '-c', self.conf],
                                            env=dict(os.environ, **b.slow_env(us)), stdout=log, stderr=log)
        b.wait_port(('127.0.0.1', self.nje), self.process)
        self.until(self.answers)

    pid = property(lambda self: self.process.pid)

    def cli(self, *words):
        return subprocess.run([os.path.join(self.b.TOP, 'build', 'njegate'), '-c', self.conf] + list(words), check=True,
                              capture_output=True, text=True).stdout

    def answers(self):
        return subprocess.run([os.path.join(self.b.TOP, 'build', 'njegate'), '-c', self.conf, 'status'],
                              capture_output=True).returncode == 0

    def files_in(self, node):
        """Straight from the control socket: a program started each time would take a core from what is measured."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(self.dir, 'control'))
            s.sendall(b'\0\0\0\20' b'\0\0\0\4link' b'\0\0\0\4list')
            got = b''
            while len(got) < 4 or len(got) < 4 + struct.unpack_from('>I', got)[0]:
                got += s.recv(65536)
        words, at = [], 4
        while at < len(got):
            n = struct.unpack_from('>I', got, at)[0]
            words.append(got[at + 4:at + 4 + n].decode())
            at += 4 + n
        return next(int(words[i + 6]) for i in range(2, len(words), 12) if words[i] == node)

    def until(self, test, limit=300):
        end = time.monotonic() + limit
        while not test():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError('node %s: waited in vain' % self.name)
            time.sleep(0.02)

    def stop(self):
        for p in self.peers:
            p.kill()
            p.wait()
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)


def program(b, name, node, *words):
    p = subprocess.Popen([os.path.join(b.WORK, name), '127.0.0.1:%d' % node.nje, 'SRC', node.name] + list(words),
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    node.peers.append(p)
    b.expect(p, 'UP')
    return p


def go(p):
    p.stdin.write('go\n')
    p.stdin.flush()


def pair(b, us=0):
    far = Node(b, 'FAR', [('NEAR', 0), ('SRC', 0)], us, ['PARM NEAR ORIGIN=ANY'])
    near = Node(b, 'NEAR', [('FAR', far.nje), ('SRC', 0)], us)
    return near, far


def carried(b, near, far, files):
    """Start the link and wait for its files; seconds and CPU seconds of both nodes."""
    cpu, start = (b.cpu(near.pid), b.cpu(far.pid)), time.monotonic()
    near.cli('link', 'start', 'FAR')
    far.until(lambda: far.files_in('NEAR') >= files)
    spent = time.monotonic() - start
    return spent, b.cpu(near.pid) - cpu[0], b.cpu(far.pid) - cpu[1]


def small(b, count, us):
    """COUNT notes of 2 KB queued at one node cross to readers of the other."""
    near, far = pair(b, us)
    try:
        near.cli('link', 'stop', 'FAR')
        p = program(b, 'nje_source', near, str(count), 'U%d', 'FAR', str(USERS), str(b.SIZE), '7')
        start = time.monotonic()
        go(p)
        b.expect(p, 'DONE %d refused=0' % count)
        taken = count / (time.monotonic() - start)
        spent, out, into = carried(b, near, far, count)
        return count / spent, taken, out / count * 1000, into / count * 1000
    finally:
        near.stop()
        far.stop()


def bulk(b, megabytes, record):
    """One file: from the source to a node, from there to the other."""
    near, far = pair(b)
    path = os.path.join(b.disk.path, 'bulk.deck')
    try:
        near.cli('link', 'stop', 'FAR')
        p = program(b, 'nje_bulk', near, str(megabytes), str(record), 'U0', 'FAR', path)
        cpu, start = b.cpu(near.pid), time.monotonic()
        go(p)
        b.expect(p, 'DONE refused=0')
        spent = time.monotonic() - start
        taken, cost = megabytes * 1.048576 / spent, b.cpu(near.pid) - cpu
        spent, out, into = carried(b, near, far, 1)
        peak = [max(status(n.pid, 'VmHWM'), 0) / 1024 for n in (near, far)]
        return megabytes * 1.048576 / spent, taken, cost, out, into, peak
    finally:
        near.stop()
        far.stop()
        if os.path.exists(path):
            os.unlink(path)


def read_ttb(s):
    head = b''
    while len(head) < 8:
        piece = s.recv(8 - len(head))
        if not piece:
            raise OSError('closed')
        head += piece
    rest = nw.ttb_size(head) - 8
    while rest > 0:
        rest -= len(s.recv(rest))


def sign_on(node, name):
    """A raw neighbour, signed on and silent."""
    s = socket.create_connection(('127.0.0.1', node.nje), timeout=30)
    s.sendall(nw.ctl_put('OPEN', name, node.name))
    got = b''
    while len(got) < 33:
        got += s.recv(33 - len(got))
    s.sendall(nw.ttb_put([nw.SOH_ENQ]))
    read_ttb(s)
    s.sendall(nw.ttb_put([nw.DLE_STX + b'\xa0\x8f\xcf' + nw.signon_put('I', name, 8192) + b'\0']))
    read_ttb(s)
    return s


def idle(b, count):
    """Kilobytes a link that is up and idle costs; the first few warm the process up."""
    node = Node(b, 'HUB', [('N%03d' % i, 0) for i in range(count + 5)])
    try:
        socks = [sign_on(node, 'N%03d' % i) for i in range(5)]
        before = b.rss(node.pid)
        socks += [sign_on(node, 'N%03d' % i) for i in range(5, count + 5)]
        node.until(lambda: all(k['state'] == 'up' for k in json.loads(node.cli('--json', 'link', 'list'))))
        each = (b.rss(node.pid) - before) / count
        for s in socks:
            s.close()
        return each
    finally:
        node.stop()


def floors(b):
    out = subprocess.run([os.path.join(b.WORK, 'floor_bulk'), b.disk.path], check=True, capture_output=True,
                         text=True).stdout
    return {k: float(v) for k, v in (ln.split() for ln in out.splitlines())}


def measure(b, table, count, rounds, megabytes, huge):
    table.say('NJE, two nodes on loopback, durable at the receiver')
    floor = floors(b)
    table.say('  %-52s %10.0f MB/s' % ('floor: one TCP connection', floor['tcp']))
    table.say('  %-52s %10.0f MB/s' % ('floor: one file written and synced', floor['disk']))
    got = [small(b, count, 0) for _ in range(rounds)]
    rate, taken, out, into = (statistics.median(v) for v in zip(*got))
    table.say('  %-52s %10.0f /s' % ('%d notes of 2 KB, node to node' % count, rate))
    table.say('  %-52s %10.3f and %.3f' % ('  CPU seconds per 1000 of sender and receiver', out, into))
    table.say('  %-52s %10.0f /s' % ('the same from a program in memory to one node', taken))
    for record in (80, 255):
        got = [bulk(b, megabytes, record) for _ in range(rounds)]
        rate, taken, cost, out, into = (statistics.median(v) for v in list(zip(*got))[:5])
        table.say('  %-52s %10.0f MB/s' % ('one file of %d MiB, records of %d, node to node' % (megabytes, record), rate))
        table.say('  %-52s %10.3f and %.3f' % ('  CPU seconds of sender and receiver', out, into))
        table.say('  %-52s %10.0f MB/s' % ('the same from a program to one node', taken))
    if huge:
        rate, taken, cost, out, into, peak = bulk(b, huge, 80)
        table.say('  %-52s %10.0f MB/s' % ('one file of %d MiB, node to node' % huge, rate))
        table.say('  %-52s %10.1f and %.1f' % ('  most memory ever resident, MiB, of both', peak[0], peak[1]))
    table.say('  %-52s %10.1f KB' % ('a link that is up and idle (of 100)', idle(b, 100)))
    table.say()
