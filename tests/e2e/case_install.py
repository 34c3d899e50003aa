"""The daemon as a service: rights it gives up, the service manager's sockets and watchdog, the unit."""
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

import world as wd


class Manager:
    """A service manager: hears what the daemon notifies, hands it sockets."""

    def __init__(self, gw, sockets=(), env=None):
        self.gw = gw
        gw.write()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(gw.dir, 'notify'))
        os.chmod(os.path.join(gw.dir, 'notify'), 0o777)
        self.heard = []
        more = dict(gw.env, NOTIFY_SOCKET=os.path.join(gw.dir, 'notify'), **(env or {}))
        argv = [wd.program('njegated'), '-c', gw.conf]
        if sockets:
            # LISTEN_PID must be the daemon's own: a small program sets it and becomes the daemon.
            argv = [sys.executable, '-c', 'import fcntl, os, sys\n'
                    'fds = [int(n) for n in sys.argv[1].split(",")]\n'
                    'spare = [fcntl.fcntl(fd, fcntl.F_DUPFD, 50) for fd in fds]\n'
                    'for i, fd in enumerate(spare): os.dup2(fd, 3 + i, True)\n'
                    'os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))\n'
                    'os.execv(sys.argv[2], sys.argv[2:])', ','.join(str(s.fileno()) for s in sockets)] + argv
        with open(gw.log, 'ab') as log:
            gw.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=gw.dir,
                                          env=more, pass_fds=[s.fileno() for s in sockets])

    def hear(self, word, limit=wd.LIMIT):
        """The next notification that holds the word."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.notify.settimeout(max(0.01, end - time.monotonic()))
            try:
                text = self.notify.recv(4096).decode()
            except OSError:
                break
            self.heard.append(text)
            if word in text:
                return text
        raise AssertionError('no %s; heard %s; log:\n%s' % (word, self.heard, self.gw.read_log()))

    def close(self):
        self.notify.close()


def status_of(gw, key):
    with open('/proc/%d/status' % gw.process.pid, encoding='ascii') as f:
        return [ln.split(':')[1].split() for ln in f if ln.startswith(key + ':')][0]


def case_rights(w):
    """Started by root with USER: another user, no capability, no new privileges, no core file."""
    if os.geteuid():
        raise wd.Skip('needs root')
    nobody = pwd.getpwnam('nobody')
    gw = w.gateway(lines=['USER nobody'])
    os.chmod(w.dir, 0o755)
    os.chown(gw.dir, nobody.pw_uid, nobody.pw_gid)
    gw.env['ASAN_OPTIONS'] += ':detect_leaks=0'  # its search needs the rights that are given up
    m = Manager(gw)
    w.others.append(m.close)
    m.hear('READY=1')
    assert status_of(gw, 'Uid') == [str(nobody.pw_uid)] * 4
    assert status_of(gw, 'NoNewPrivs') == ['1']
    assert int(status_of(gw, 'CapEff')[0], 16) == 0 and int(status_of(gw, 'CapPrm')[0], 16) == 0
    with open('/proc/%d/limits' % gw.process.pid, encoding='ascii') as f:
        core = [ln.split()[4:6] for ln in f if ln.startswith('Max core file size')][0]
    assert core == ['0', '0'], core
    gw.stop()


def case_confined(w):
    """Landlock: a reload may not read a file outside the folders the daemon was started with."""
    gw, p, _ = w.pair()
    if 'not confined' in gw.read_log():
        raise wd.Skip('this kernel has no Landlock')
    for folder, words in ((gw.dir, 'result=done'), (w.dir, 'Permission denied')):
        path = os.path.join(folder, 'more.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('LOCALUSER MORE\n')
        good = list(gw.lines)
        gw.lines.append('INCLUDE ' + path)
        gw.write()
        gw.hup()
        gw.until(lambda: words in gw.read_log(), what=words)
        gw.lines = good
        gw.write()
    # What it writes, large bodies too, is within.
    p.policy = lambda rcb: 'ignore'
    gw.mail('bob%mvsa@' + gw.fqdn, 'A long line of text.\r\n' * 10000)
    assert os.listdir(os.path.join(gw.dir, 'body'))


def case_watchdog(w):
    """READY, then WATCHDOG again and again; RELOADING and READY around SIGHUP; STOPPING."""
    gw = w.gateway()
    m = Manager(gw, env={'WATCHDOG_USEC': '200000'})
    w.others.append(m.close)
    m.hear('READY=1')
    for _ in range(3):
        m.hear('WATCHDOG=1')
    gw.hup()
    assert 'MONOTONIC_USEC=' in m.hear('RELOADING=1')
    m.hear('READY=1')
    gw.process.send_signal(signal.SIGTERM)
    assert 'EXTEND_TIMEOUT_USEC=' in m.hear('STOPPING=1')
    assert gw.process.wait(wd.LIMIT) == 0
    gw.process, gw.killed = None, True


def case_no_watchdog(w):
    """Nobody asks for a watchdog: none is fed."""
    gw = w.gateway()
    m = Manager(gw)
    w.others.append(m.close)
    m.hear('READY=1')
    gw.hup()
    m.hear('RELOADING=1')
    m.hear('READY=1')
    assert not any('WATCHDOG' in text for text in m.heard), m.heard


def listening(address):
    s = socket.socket()
    s.bind(address)
    s.listen(8)
    return s


def case_socket_activation(w):
    """The sockets the manager opened are used, also those on any address; a stranger is named and closed."""
    gw = w.gateway()
    p = None
    smtp, stranger = listening(gw.smtp), listening((w.address, 0))
    nje = socket.socket()
    nje.bind(('0.0.0.0', 0))
    nje.listen(8)
    gw.nje_port = nje.getsockname()[1]
    gw.nje = (w.address, gw.nje_port)
    gw.lines = [('LISTENNJE %s:%d' % gw.nje) if ln.startswith('LISTENNJE') else ln for ln in gw.lines]
    gw.link('MVSA')
    # A connection that came before the daemon was started is not lost.
    early = socket.create_connection(gw.smtp, timeout=wd.LIMIT)
    m = Manager(gw, [stranger, smtp, nje])
    w.others.append(m.close)
    where = '%s:%d' % stranger.getsockname()
    for s in (smtp, stranger, nje):
        s.close()
    m.hear('READY=1')
    assert early.makefile('rb').readline().startswith(b'220')
    early.close()
    p = w.peer('MVSA', connect=gw.nje)
    p.wait_up()
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    log = gw.read_log()
    assert 'socket=' + where in log and 'closed' in log, log
    gw.empty()


def case_log_rotation(w):
    """A log in a file is appended to: logrotate's copytruncate loses no line that comes later, and leaves no hole."""
    gw = w.gateway()
    gw.start()
    os.truncate(gw.log, 0)
    gw.hup()
    gw.until(lambda: 'event=reload' in gw.read_log())
    assert '\0' not in gw.read_log()


def case_port_taken(w):
    """A port that is taken: said plainly with the address, and no queue is touched."""
    gw = w.gateway()
    taken = listening(gw.smtp)
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    gw.killed = True
    taken.close()
    log = gw.read_log()
    assert '%s:%d' % gw.smtp in log and 'in use' in log, log
    assert not os.path.exists(os.path.join(gw.dir, 'db'))
