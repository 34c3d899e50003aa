#!/usr/bin/env python3
"""Memory of the daemon with 10,000 idle SMTP sessions, each greeted and past EHLO.

    tests/bench/idle.py [SESSIONS] [names]      after `make`; needs as many descriptors (ulimit -n)

names: strangers that a balancer brings, each with an address of its own that is looked up and has a name."""
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import dns  # noqa: E402

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


def address(k):
    return '11.22.%d.%d' % (k // 250, 1 + k % 250)


def name_server(most):
    """Every address has a name that leads back to it."""
    table = {}
    for k in range(most):
        name = 'client-number-%05d.dialin.provider.example' % k
        table['.'.join(reversed(address(k).split('.'))) + '.in-addr.arpa'] = {'PTR': [name]}
        table[name] = {'A': [address(k)]}
    return dns.Dns(table, ('127.0.0.1', 0))


def main():
    named = 'names' in sys.argv
    most = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 10000
    server = name_server(most) if named else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix='nje-') as d:
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            at = s.getsockname()
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            proxied = s.getsockname()[1]
        with open(os.path.join(d, 'conf'), 'w', encoding='ascii') as f:
            f.write('LOCAL GATE\nHOSTNAME gate\nDOMAINORIGIN example.test\nLISTENSMTP %s:%d\nGATEWAY\nDATABASE db\n'
                    'CONTROL control\n' % at)
            if named:  # not so many that the server would think itself in need
                f.write('LISTENSMTP %s:%d PROXY\nRESOLVER %s:%d\nINBOUNDOPENLIMIT 20000\n' % (
                    at[0], proxied, *server.address))
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
                    s.connect((at[0], proxied) if named else at)
                    if named:
                        s.sendall(b'PROXY TCP4 %s 192.0.2.1 4000 25\r\n' % address(k).encode())
                    new.append(s)
                answered(new, b'', b'220')
                answered(new, b'EHLO client.test\r\n', b'250')
                sessions += new
            print('%d idle sessions%s: %.1f MiB, %.1f without them' % (
                most, ' of clients with names' if named else '', memory(p.pid), before))
            if named:
                print('%d questions to the name server' % len(server.asked))
        finally:
            p.terminate()
            p.wait()


if __name__ == '__main__':
    main()
