#!/usr/bin/env python3
"""Memory of the daemon with 10,000 idle SMTP sessions, each greeted and past EHLO.

    tests/bench/idle.py [SESSIONS]      after `make`; needs as many descriptors (ulimit -n)"""
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))


def memory(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return next(int(ln.split()[1]) for ln in f if ln.startswith('VmRSS')) / 1024


def answered(sockets, say, code):
    for s in sockets:
        if say:
            s.sendall(say)
    for s in sockets:
        assert s.recv(1000)[:3] == code


def main():
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix='nje-') as d:
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            at = s.getsockname()
        with open(os.path.join(d, 'conf'), 'w', encoding='ascii') as f:
            f.write('LOCAL GATE\nHOSTNAME gate\nDOMAINORIGIN example.test\nLISTENSMTP %s:%d\nGATEWAY\nDATABASE db\n'
                    'CONTROL control\n' % at)
        with open(os.path.join(d, 'log'), 'wb') as log:
            p = subprocess.Popen([os.path.join(TOP, 'build', 'njegated'), '-c', os.path.join(d, 'conf')], cwd=d, stdout=log,
                                 stderr=log)
        try:
            for _ in range(200):
                try:
                    socket.create_connection(at).close()
                    break
                except OSError:
                    threading.Event().wait(0.05)
            before, sessions = memory(p.pid), []
            for i in range(0, most, 500):
                new = []
                for k in range(i, min(i + 500, most)):  # from many addresses: ports of one may run out
                    s = socket.socket()
                    s.settimeout(30)
                    s.bind(('127.2.%d.%d' % (k // 250, 1 + k % 250), 0))
                    s.connect(at)
                    new.append(s)
                answered(new, b'', b'220')
                answered(new, b'EHLO client.test\r\n', b'250')
                sessions += new
            print('%d idle sessions: %.1f MiB, %.1f without them' % (most, memory(p.pid), before))
        finally:
            p.terminate()
            p.wait()


if __name__ == '__main__':
    main()
