"""Backup, restore, upgrade, damage: what an administrator does with the queue as a whole."""
import os
import shutil
import sqlite3
import subprocess
import threading

import world as wd

LARGE = ('A line of a large mail, longer than what is kept within the database. ' * 3 + '\r\n') * 600


def waiting(w, lines=()):
    """A gateway with a stopped link: mail stays."""
    gw, p, sink = w.pair(lines)
    gw.cli('link', 'stop', 'MVSA')
    return gw, p


def case_backup_whole(w):
    """Taken while running, put back on another machine: small and large mail is delivered from there."""
    gw, p = waiting(w)
    gw.cli('nick', 'add', 'STEVE', 'steve@example.org')
    for i in range(4):
        gw.mail('bob%mvsa@' + gw.fqdn, LARGE if i % 2 else 'small\r\n', subject='n%d' % i)
    path = os.path.join(w.dir, 'copy')
    told = gw.json('backup', path)
    assert (told['messages'], told['large_bodies']) == (4, 2), told
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert 'messages' in gw.cli('check', path)
    gw.cli('check')
    gw.kill()
    shutil.rmtree(gw.dir)
    other = w.gateway('GATE2', [ln for ln in gw.lines if ln.split()[0] in (
        'GATEWAY', 'RSCSDOMAIN', 'DATABASE', 'CONTROL', 'DOMAINORIGIN', 'DRAINTIME', 'RESOLVER', 'LINKDEFINE', 'PARM',
        'ROUTE', 'DESTINATION')] + ['LOCAL GATE', 'HOSTNAME gate'], base=False)
    other.write()
    other.cli('restore', path)
    other.start()
    assert other.json('nick', 'list')[0]['nick'] == 'STEVE'
    got = sorted([ln for ln in p.take_file().lines() if ln.startswith('Subject:')][0] for _ in range(4))
    assert got == ['Subject: n%d' % i for i in range(4)], got
    other.empty()


def case_restore_refuses(w):
    """While the daemon runs; over a database that is there; from what is no backup."""
    gw, p = waiting(w)
    ident = gw.mail('bob%mvsa@' + gw.fqdn, LARGE)
    path = os.path.join(w.dir, 'copy')
    gw.cli('backup', path)
    assert 'another njegated' in gw.cli('restore', path, '--replace', status=1)
    gw.stop()
    assert '--replace' in gw.cli('restore', path, status=1)
    with open(os.path.join(w.dir, 'junk'), 'w', encoding='ascii') as f:
        f.write('junk ' * 5000)
    gw.cli('restore', os.path.join(w.dir, 'junk'), '--replace', status=1)
    with open(path, 'r+b') as f:
        f.seek(os.path.getsize(path) // 2)
        f.write(b'garbage ' * 2000)
    assert 'damaged' in gw.cli('restore', path, '--replace', status=1)
    gw.start()
    p.take_file()
    gw.empty()
    assert 'delivered' in gw.cli('trace', ident)


def case_restore_replaces(w):
    """--replace keeps what was there, under another name, usable."""
    gw, p = waiting(w)
    first = gw.mail('bob%mvsa@' + gw.fqdn, LARGE)
    path = os.path.join(w.dir, 'copy')
    gw.cli('backup', path)
    second = gw.mail('bob%mvsa@' + gw.fqdn, LARGE)
    gw.stop()
    gw.cli('restore', path, '--replace')
    assert [r['id'] for r in gw.json('queue', 'list')] == [first]
    kept = [n for n in os.listdir(gw.dir) if n.startswith('db.replaced-') and n.endswith('Z')]
    assert len(kept) == 1 and [n for n in os.listdir(gw.dir) if n.startswith('body.replaced-')], os.listdir(gw.dir)
    with sqlite3.connect(os.path.join(gw.dir, kept[0])) as db:
        assert db.execute('SELECT count(*) FROM message').fetchone()[0] >= 2, second
    db.close()
    gw.start()
    p.take_file()
    gw.empty()


def case_backup_in_the_rush(w):
    """Backups while clients send and mail leaves: each is whole."""
    gw, p, _ = w.pair()
    stop, wrong = threading.Event(), []

    def client(n):
        while not stop.is_set():
            try:
                gw.mail('bob%mvsa@' + gw.fqdn, LARGE if n % 2 else 'x\r\n')
            except Exception as e:  # told by the case
                wrong.append(e)
                return
    threads = [threading.Thread(target=client, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    path = os.path.join(w.dir, 'copy')
    try:
        for _ in range(8):
            gw.cli('backup', path)
            gw.cli('check', path)
            gw.cli('check')
    finally:
        stop.set()
        for t in threads:
            t.join(40)
    assert not wrong, wrong
    gw.empty(60)
    assert not [n for n in os.listdir(os.path.join(gw.dir, 'tmp')) if n.startswith('held')]


case_backup_in_the_rush.limit = 150


def case_damage_is_said(w):
    """A damaged database stops the start with its name and the way out, and is left as it was."""
    gw, p = waiting(w)
    gw.mail('bob%mvsa@' + gw.fqdn)
    path, copy = os.path.join(gw.dir, 'db'), os.path.join(w.dir, 'copy')
    gw.cli('backup', copy)
    gw.stop()
    with open(path, 'r+b') as f:
        f.seek(3 * 4096)
        f.write(b'garbage ' * 1500)
    with open(path, 'rb') as f:
        before = f.read()
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    gw.killed = True
    log = gw.read_log()
    assert path.split('/')[-1] in log and 'damaged' in log and 'njegate restore' in log, log
    with open(path, 'rb') as f:
        assert f.read() == before
    gw.cli('check', status=1)
    gw.cli('restore', copy, '--replace')
    gw.expect_exit = 0
    gw.start()
    p.take_file()
    gw.empty()


def case_lost_is_said(w):
    """A database that is gone is not made anew over the bodies of its mail."""
    gw, p = waiting(w)
    gw.mail('bob%mvsa@' + gw.fqdn, LARGE)
    gw.stop()
    for name in ('db', 'db-wal', 'db-shm'):
        if os.path.exists(os.path.join(gw.dir, name)):
            os.rename(os.path.join(gw.dir, name), os.path.join(w.dir, name))
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    gw.killed = True
    assert 'is gone' in gw.read_log()
    assert os.listdir(os.path.join(gw.dir, 'body')) and not os.path.exists(os.path.join(gw.dir, 'db'))
    for name in os.listdir(w.dir):
        if name.startswith('db'):
            os.rename(os.path.join(w.dir, name), os.path.join(gw.dir, name))
    gw.expect_exit = 0
    gw.start()
    p.take_file()
    gw.empty()


def case_newer_is_refused(w):
    """A database of a later version: refused with what to do, by daemon and command, and untouched."""
    gw = w.gateway()
    gw.start()
    gw.stop()
    path = os.path.join(gw.dir, 'db')
    db = sqlite3.connect(path)
    db.execute('PRAGMA user_version = 99')
    db.close()
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    gw.killed = True
    log = gw.read_log()
    assert 'newer njegate' in log and 'schema 99' in log and 'install that version' in log, log
    assert 'newer njegate' in gw.cli('nick', 'list', status=4)


def init(path, *words, answers=None, status=0):
    r = subprocess.run([wd.program('njegate'), '-c', path, 'init'] + list(words), input=answers, capture_output=True,
                       text=True, timeout=wd.LIMIT)
    assert r.returncode == status, '%s: %d\n%s%s' % (words, r.returncode, r.stdout, r.stderr)
    return r.stdout + r.stderr


def accepted(path):
    r = subprocess.run([wd.program('njegated'), '-c', path, '-t'], capture_output=True, text=True, timeout=wd.LIMIT)
    assert r.returncode == 0 and not r.stderr, r.stderr
    with open(path, encoding='utf-8') as f:
        return f.read()


def case_init_by_flags(w):
    """By flags: a file that the check accepts without a warning."""
    path = os.path.join(w.dir, 'etc', 'njegate.conf')
    init(path, '--node', 'mygate', '--domain', 'gw.example.com', '--neighbour', 'vm1=[2001:db8::1]:1175',
         '--smarthost', 'mail.example.com:587')
    text = accepted(path)
    for words in ('LOCAL       mygate', 'HOST=[2001:db8::1] PORT=1175', 'LINKDEFINE  VM1', 'ROUTE       * TO VM1',
                  'SMARTHOST   mail.example.com:587'):
        assert words in text, text
    assert os.stat(path).st_mode & 0o777 in (0o600, 0o640)
    assert 'exists' in init(path, '--node', 'X', '--domain', 'gw.example.com', status=1)
    assert accepted(path) == text
    init(path, '--node', 'X', '--domain', 'gw.example.com', '--neighbour', 'VM2', '--replace')
    text = accepted(path)
    assert ' AST' not in text and 'LINKDEFINE  VM2' in text, text
    for words in (['--node', 'X'], ['--domain', 'gw.example.com']):
        init(path, '--replace', *words, status=2)
    for words in (['--node', 'TOOLONGNAME'], ['--domain', 'nodot'], ['--neighbour', 'A=h:99999'],
                  ['--smarthost', 'a b']):
        given = {'--node': 'X', '--domain': 'gw.example.com'}
        given.update([words])
        out = init(path, '--replace', *[x for kv in given.items() for x in kv], status=1)
        assert words[0] in out, out
    init(path, '--node', 'VM9', '--domain', 'gw.example.com', '--neighbour', 'VM9=h', '--replace', status=1)
    assert accepted(path) == text, 'what was there stays'
    assert os.listdir(os.path.dirname(path)) == ['njegate.conf']


def case_init_by_asking(w):
    """By asking: wrong answers are asked again, empty ones take what is offered."""
    path = os.path.join(w.dir, 'njegate.conf')
    out = init(path, answers='much too long\nGATE9\nnodot\ngw.example.com\nVM1=vm1.example.com\n\n')
    assert '1 to 8' in out and 'full name' in out, out
    text = accepted(path)
    assert 'LOCAL       GATE9' in text and 'HOST=vm1.example.com PORT=175' in text and '\nSMARTHOST' not in text, text
    os.unlink(path)
    assert 'input ended' in init(path, answers='GATE9\n', status=1)
    assert not os.path.exists(path)
