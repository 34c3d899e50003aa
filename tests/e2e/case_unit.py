"""The systemd units: clean for systemd's own verifier, tight, and wide enough for what the daemon does."""
import os
import re
import shutil
import subprocess

import njefile
import world as wd

PACKAGING = os.path.join(wd.TOP, 'packaging')


def analyze():
    if not shutil.which('systemd-analyze'):
        raise wd.Skip('no systemd-analyze')


def installed(w):
    """The unit as `make install` writes it, with a prefix where our programs are."""
    prefix = os.path.join(w.dir, 'prefix')
    os.makedirs(os.path.join(prefix, 'sbin'))
    shutil.copy(wd.program('njegated'), os.path.join(prefix, 'sbin'))
    with open(os.path.join(PACKAGING, 'njegate.service.in'), encoding='utf-8') as f:
        text = f.read().replace('@PREFIX@', prefix)
    unit = os.path.join(w.dir, 'njegate.service')
    with open(unit, 'w', encoding='utf-8') as f:
        f.write(text)
    shutil.copy(os.path.join(PACKAGING, 'njegate.socket'), w.dir)
    return unit, text


def case_unit_verify(w):
    analyze()
    unit, _ = installed(w)
    for path in (unit, os.path.join(w.dir, 'njegate.socket')):
        out = wd.run(['systemd-analyze', 'verify', '--man=no', path])
        assert not [ln for ln in out.splitlines() if 'njegate' in ln], out


def case_unit_security(w):
    analyze()
    unit, text = installed(w)
    out = wd.run(['systemd-analyze', 'security', '--offline=yes', '--no-pager', unit])
    score = float(re.search(r'Overall exposure level for \S+: ([0-9.]+)', out).group(1))
    assert score < 2.0, out
    caps = [ln for ln in text.splitlines() if ln.startswith('CapabilityBoundingSet')]
    assert caps == ['CapabilityBoundingSet=CAP_NET_BIND_SERVICE'], caps


def members(name, seen):
    """The system calls of one of systemd's sets."""
    if name not in seen:
        seen[name] = set()
        for line in wd.run(['systemd-analyze', 'syscall-filter', '--no-pager', name]).splitlines()[1:]:
            word = line.strip()
            if word.startswith('@'):
                seen[name] |= members(word, seen)
            elif word and not word.startswith('#'):
                seen[name].add(word)
    return seen[name]


def allowed(text):
    seen, calls = {}, set()
    for line in text.splitlines():
        if not line.startswith('SystemCallFilter='):
            continue
        words = line.split('=', 1)[1]
        for word in words.lstrip('~').split():
            group = members(word, seen) if word.startswith('@') else {word}
            calls = calls - group if words.startswith('~') else calls | group
    return calls | members('@default', seen)


def plain_program():
    """The programs as they are shipped; sanitizers make calls of their own."""
    path = os.path.join(wd.TOP, 'build', 'njegated')
    if not os.access(path, os.X_OK):
        raise wd.Skip('build/njegated is not built')
    return path


def case_unit_syscalls(w):
    """What the daemon calls from its start to its end, with mail both ways and a reload, is in the filter."""
    analyze()
    if not shutil.which('strace'):
        raise wd.Skip('no strace')
    unit, text = installed(w)
    trace = os.path.join(w.dir, 'trace')
    wrapper = os.path.join(w.dir, 'bin')
    os.makedirs(wrapper)
    with open(os.path.join(wrapper, 'njegated'), 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\nexec strace -D -f -qq -o %s %s "$@"\n' % (trace, plain_program()))
    os.chmod(os.path.join(wrapper, 'njegated'), 0o755)
    os.symlink(os.path.join(wd.TOP, 'build', 'njegate'), os.path.join(wrapper, 'njegate'))
    os.environ['NJEGATE_BIN'] = wrapper
    gw, p, sink = w.pair(['LOCALUSER OPER'])
    gw.mail(['bob%mvsa@' + gw.fqdn, 'oper@' + gw.fqdn], 'x' * 70 + '\r\n' + ('A long line.' * 6 + '\r\n') * 3000)
    p.take_file()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: x', '', 'x', '.'])).wait()
    sink.take()
    gw.hup()
    gw.until(lambda: 'event=reload' in gw.read_log())
    gw.empty()
    gw.stop()
    with open(trace, encoding='utf-8', errors='replace') as f:
        used = set(re.findall(r'^\d+ +([a-z0-9_]+)\(', f.read(), re.M))
    assert {'epoll_wait', 'landlock_restrict_self', 'accept4'} <= used, used
    # SQLite gives -wal and -shm to the owner of the database, when root opens it; the unit's User is not root.
    beyond = used - allowed(text) - ({'fchown'} if os.geteuid() == 0 else set())
    assert not beyond, 'not allowed by the unit: %s' % sorted(beyond)


case_unit_syscalls.limit = 120


def case_install_tree(w):
    """make install: everything a package needs, the unit with the prefix in it."""
    if not os.path.exists(os.path.join(wd.TOP, 'build', 'njegated')):
        raise wd.Skip('build/njegated is not built')
    root = os.path.join(w.dir, 'root')
    wd.run(['make', '-C', wd.TOP, '--no-print-directory', 'install', 'DESTDIR=' + root, 'PREFIX=/opt/nje'])
    for path in ('opt/nje/sbin/njegated', 'opt/nje/bin/njegate', 'opt/nje/share/man/man5/njegate.conf.5',
                 'opt/nje/share/man/man8/njegated.8', 'lib/systemd/system/njegate.service',
                 'lib/systemd/system/njegate.socket', 'opt/nje/lib/sysusers.d/njegate.conf',
                 'opt/nje/share/doc/njegate/njegate.conf.sample'):
        assert os.path.isfile(os.path.join(root, path)), path
    with open(os.path.join(root, 'lib/systemd/system/njegate.service'), encoding='utf-8') as f:
        assert 'ExecStart=/opt/nje/sbin/njegated ' in f.read()
    subprocess.run([os.path.join(root, 'opt/nje/bin/njegate'), '--help'], check=True, capture_output=True)


case_install_tree.limit = 300  # it builds what is older than its source


def case_sysusers(w):
    """The user of the unit is made by systemd-sysusers from our file."""
    if not shutil.which('systemd-sysusers'):
        raise wd.Skip('no systemd-sysusers')
    if os.geteuid():
        raise wd.Skip('needs root')
    root = os.path.join(w.dir, 'root')
    os.makedirs(os.path.join(root, 'etc'))
    os.makedirs(os.path.join(root, 'usr/lib/sysusers.d'))
    shutil.copy(os.path.join(PACKAGING, 'njegate.sysusers'), os.path.join(root, 'usr/lib/sysusers.d/njegate.conf'))
    wd.run(['systemd-sysusers', '--root=' + root])
    with open(os.path.join(root, 'etc/passwd'), encoding='utf-8') as f:
        assert re.search(r'^njegate:x:\d+:\d+:[^:]*:/var/lib/njegate:/usr/sbin/nologin$', f.read(), re.M)
