"""The Debian package in a clean root: installed, started, upgraded with mail in the queue, removed, purged."""
import glob
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import cleanroot
import njefile
import world as wd


def build(version, work):
    """The package of this tree under this version."""
    for tool in ('dpkg-deb', 'objdump', 'strip', 'make'):
        if not shutil.which(tool):
            raise wd.Skip('no ' + tool)
    out = wd.run(['make', '-C', wd.TOP, '--no-print-directory', 'deb', 'VERSION=' + version, 'DEB=' + work], limit=400)
    return re.findall(r'\S+_%s_\S+\.deb' % re.escape(version), out)[-1]


def previous(work):
    """A package of the commit before (tests/previous-deb makes it), or else of this one under an older version."""
    given = os.environ.get('NJEGATE_PREVIOUS_DEB')
    return given if given else build('0.0.1', os.path.join(work, 'deb-old'))


class Installed:
    """The daemon of the package, started in its root as the unit would: as root, becoming its USER."""

    def __init__(self, w, root, peer):
        self.w, self.root, self.process = w, root, None
        self.smtp, self.nje = (w.address, w.port()), (w.address, w.port())
        root.run('/usr/bin/njegate', 'init', '--node', 'GATE', '--domain', 'gate.example.test', '--neighbour',
                 'MVSA=%s:%d' % peer.listen_at)
        self.conf = os.path.join(root.dir, 'etc/njegate/njegate.conf')
        with open(self.conf, encoding='utf-8') as f:
            text = f.read()
        text = text.replace('LISTENSMTP  25', 'LISTENSMTP %s:%d' % self.smtp).replace(
            'LISTENNJE   175', 'LISTENNJE %s:%d' % self.nje) + 'DRAINTIME 2\nRESOLVER %s:%d\n' % w.resolver().address
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write(text)
        self.log = os.path.join(w.dir, 'log')

    def start(self):
        os.makedirs(os.path.join(self.root.dir, 'run/njegate'), exist_ok=True)
        uid = self.root.run('/usr/bin/id', '-u', 'njegate').strip()
        os.chown(os.path.join(self.root.dir, 'run/njegate'), int(uid), -1)
        with open(self.log, 'ab') as log:
            begun = log.tell()
            self.process = subprocess.Popen(['chroot', self.root.dir, '/usr/sbin/njegated'], stdout=log, stderr=log)
        end = time.monotonic() + wd.LIMIT
        while b'event=started' not in self.heard(begun):
            assert self.process.poll() is None and time.monotonic() < end, self.story()
            threading.Event().wait(0.05)  # pace of the polling; nothing depends on it

    def heard(self, since):
        with open(self.log, 'rb') as f:
            f.seek(since)
            return f.read()

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(wd.LIMIT)
        self.process = None
        assert status == 0, self.story()

    def cli(self, *words):
        return self.root.run('/usr/bin/njegate', *words)

    def mail(self, body):
        with wd.smtplib.SMTP(*self.smtp, timeout=wd.LIMIT) as c:
            return wd.send(c, 'steve@example.org', ['bob%mvsa@gate.example.test'],
                           ('From: steve@example.org\r\nSubject: kept\r\n\r\n' + body).encode())

    def story(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()[-4000:]


def case_package_life(w):
    """Install, init, start, queue mail, upgrade, deliver it, remove (queue stays), install again, purge (nothing stays)."""
    programs = [os.path.join(wd.TOP, 'build', name) for name in ('njegated', 'njegate')]
    if not all(os.path.exists(path) for path in programs):
        raise wd.Skip('build/njegated is not built')
    root = cleanroot.CleanRoot(os.path.join(w.dir, 'root'), programs)
    old, new = previous(w.dir), build('99.0.0', os.path.join(w.dir, 'deb-new'))
    assert 'njegate init' in root.dpkg('-i', old)
    assert re.match(r'njegate:x:\d+:\d+:', root.run('/usr/bin/getent', 'passwd', 'njegate'))
    for path in ('usr/sbin/njegated', 'usr/share/man/man8/njegated.8.gz', 'lib/systemd/system/njegate.service',
                 'usr/share/doc/njegate/copyright'):
        assert root.exists(path), path
    assert os.stat(os.path.join(root.dir, 'var/lib/njegate')).st_mode & 0o777 == 0o700
    p = w.peer()
    gate = Installed(w, root, p)
    w.others.append(gate.stop)
    assert os.stat(gate.conf).st_mode & 0o777 == 0o640
    with open(gate.conf, encoding='utf-8') as f:
        assert 'USER        njegate' in f.read()
    p.policy = lambda rcb: 'ignore'
    gate.start()
    with open('/proc/%d/status' % gate.process.pid, encoding='ascii') as f:
        uid = int([ln for ln in f if ln.startswith('Uid:')][0].split()[1])
    assert uid != 0, 'it still is root'
    ids = [gate.mail('small\r\n'), gate.mail('A long line of it.\r\n' * 20000)]
    gate.cli('nick', 'add', 'STEVE', 'steve@example.org')
    before = open(gate.conf, encoding='utf-8').read()

    # Upgrade: dpkg replaces the program while it runs; the unit's try-restart is done by hand here.
    root.dpkg('-i', new)
    assert 'Version: 99.0.0' in root.dpkg('-s', 'njegate')
    gate.stop()
    assert open(gate.conf, encoding='utf-8').read() == before
    assert 'STEVE' in gate.cli('nick', 'list')
    waiting = gate.cli('queue', 'list')
    assert all(i in waiting for i in ids), waiting
    p.policy = lambda rcb: 'permit'
    gate.start()
    for _ in ids:
        assert 'Subject: kept' in p.take_file().lines()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<operator@gate.example.test>', 'DATA', 'Subject: x', '', 'x',
        '.'])).wait()
    gate.cli('backup', '/tmp/copy')

    # Configuring twice does no harm.
    root.run('/bin/sh', '/var/lib/dpkg/info/njegate.postinst', 'configure', '99.0.0')
    gate.stop()

    # Root restores, the daemon's user works with it.
    gate.cli('restore', '/tmp/copy', '--replace')
    gate.start()
    assert 'STEVE' in gate.cli('nick', 'list')
    gate.mail('A long line of it.\r\n' * 20000)
    assert 'Subject: kept' in p.take_file().lines()
    gate.stop()

    # Removed: what is the administrator's stays. Purged: nothing does.
    root.dpkg('-r', 'njegate')
    assert not root.exists('usr/sbin/njegated') and root.exists('etc/njegate/njegate.conf')
    assert root.exists('var/lib/njegate/njegate.db')
    root.dpkg('-i', new)
    assert 'STEVE' in gate.cli('nick', 'list')
    root.dpkg('-P', 'njegate')
    left = [path for folder in ('etc', 'var/lib', 'run', 'usr', 'lib/systemd') for path in glob.glob(
        os.path.join(root.dir, folder, '**', '*njegate*'), recursive=True)]
    assert not left, left
    root.run('/usr/bin/getent', 'passwd', 'njegate', status=2)


case_package_life.limit = 500
