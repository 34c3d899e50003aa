"""The package under a live systemd: installed by dpkg, started, reloaded, watched, upgraded with mail in the queue, started
by its sockets, removed."""
import os
import re
import signal

import case_package
import systemroot
import world as wd


def mail(smtp, subject):
    with wd.smtplib.SMTP(*smtp, timeout=wd.LIMIT) as c:
        return wd.send(c, 'steve@example.org', ['bob%mvsa@gate.example.test'],
                       ('From: steve@example.org\r\nSubject: %s\r\n\r\nHello\r\n' % subject).encode())


def took(p, subject):
    assert 'Subject: ' + subject in p.take_file().lines()


def configured(w, s, p, smtp, nje):
    s.run('njegate', 'init', '--node', 'GATE', '--domain', 'gate.example.test', '--neighbour',
          'MVSA=%s:%d' % p.listen_at)
    text = s.read('etc/njegate/njegate.conf').replace('LISTENSMTP  25', 'LISTENSMTP %s:%d' % smtp).replace(
        'LISTENNJE   175', 'LISTENNJE %s:%d' % nje) + 'DRAINTIME 2\nRESOLVER %s:%d\n' % w.resolver().address
    s.write('etc/njegate/njegate.conf', text)


def main_pid(s):
    """As this machine numbers it."""
    inner = s.shows('MainPID')
    for name in os.listdir('/proc'):
        try:
            if name.isdigit():
                with open('/proc/%s/status' % name, encoding='ascii') as f:
                    text = f.read()
                if text.startswith('Name:\tnjegated\n') and re.search(r'^NSpid:.*\t%s$' % inner, text, re.M):
                    return int(name), text
        except OSError:
            pass
    raise AssertionError('no process ' + inner)


def case_systemd_life(w):
    if not os.path.exists(os.path.join(wd.TOP, 'build', 'njegated')):
        raise wd.Skip('build/njegated is not built')
    old, new = case_package.previous(w.dir), case_package.build('99.0.0', os.path.join(w.dir, 'deb-new'))
    s = systemroot.SystemRoot(w)
    for name, path in (('old.deb', old), ('new.deb', new)):
        wd.shutil.copy(path, os.path.join(s.dir, name))
    s.boot()
    p = w.peer()
    smtp, nje = (w.address, w.port()), (w.address, w.port())
    assert 'njegate init' in s.run('dpkg', '-i', '/old.deb')
    configured(w, s, p, smtp, nje)
    s.run('systemctl', 'enable', '--now', 'njegate')
    assert s.shows('ActiveState') == 'active' and s.shows('Type') == 'notify', s.story()
    pid, status = main_pid(s)
    assert re.search(r'^Uid:\t(?!0\t)', status, re.M) and 'NoNewPrivs:\t1' in status and 'Seccomp:\t2' in status, status
    assert re.search(r'^CapEff:\t0+(400)?$', status, re.M), status
    p.wait_up()
    mail(smtp, 'first')
    took(p, 'first')

    # Watched: a daemon that hangs is killed and started again; what it had taken is delivered.
    s.write('etc/systemd/system/njegate.service.d/watch.conf', '[Service]\nWatchdogSec=2\nRestartSec=0\n')
    s.run('systemctl', 'daemon-reload')
    s.run('systemctl', 'restart', 'njegate')
    p.wait_up()
    p.policy = lambda rcb: 'ignore'
    mail(smtp, 'kept')
    os.kill(main_pid(s)[0], signal.SIGSTOP)
    s.until(lambda: s.shows('NRestarts') == '1' and s.shows('ActiveState') == 'active', what='the watchdog')
    assert 'watchdog' in s.run('journalctl', '--no-pager', '-b', '-u', 'njegate').lower()

    # Upgraded with mail in the queue: the new program works on, and the version of the package says so.
    before = s.shows('MainPID')
    p.policy = lambda rcb: 'permit'  # for who asks anew: the old daemon has asked
    s.run('dpkg', '-i', '/new.deb')
    assert s.shows('ActiveState') == 'active' and s.shows('MainPID') != before, s.story()
    took(p, 'kept')

    # Reload: systemd waits for it; the link stays.
    sessions = p.sessions
    s.run('systemctl', 'reload', 'njegate')
    s.until(lambda: 'event=reload result=done' in s.journal())
    assert p.sessions == sessions

    # By its sockets, without any privilege.
    s.run('systemctl', 'disable', '--now', 'njegate')
    s.write('etc/systemd/system/njegate.socket.d/ports.conf', '[Socket]\nListenStream=\nListenStream=%s:%d\n'
            'ListenStream=%s:%d\n' % (smtp + nje))
    s.write('etc/systemd/system/njegate.service.d/bare.conf',
            '[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n')
    s.run('systemctl', 'daemon-reload')
    s.run('systemctl', 'enable', '--now', 'njegate.socket')
    assert s.shows('ActiveState') == 'inactive'
    mail(smtp, 'by socket')
    took(p, 'by socket')
    assert re.search(r'^CapEff:\t0+$', main_pid(s)[1], re.M) and s.shows('ActiveState') == 'active'

    # Removed while it runs, purged: nothing is left that runs or lies about.
    s.run('systemctl', 'disable', '--now', 'njegate.socket')
    s.run('systemctl', 'start', 'njegate')
    s.run('dpkg', '-P', 'njegate')
    assert s.shows('ActiveState') == 'inactive'
    for path in ('etc/njegate', 'var/lib/njegate', 'lib/systemd/system/njegate.service', 'usr/sbin/njegated'):
        assert not os.path.exists(os.path.join(s.dir, path)), path
    s.run('getent', 'passwd', 'njegate', status=2)


case_systemd_life.limit = 600
