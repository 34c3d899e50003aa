"""What goes wrong on the machine is said plainly, and mail is deferred, not lost."""
import os
import pwd
import sqlite3

import world as wd


def fails(gw, *words):
    """The start ends with 1, its log has the words."""
    gw.expect_exit = 1
    gw.start(wait=False)
    assert gw.process.wait(wd.LIMIT) == 1
    gw.killed = True
    log = gw.read_log()
    for word in words:
        assert word in log, '%s is not in\n%s' % (word, log)
    return log


def case_no_permission(w):
    """USER may not write where the database is to be: the path and the reason, and nothing is left half made."""
    if os.geteuid():
        raise wd.Skip('needs root')
    gw = w.gateway(lines=['USER nobody'])
    gw.env['ASAN_OPTIONS'] += ':detect_leaks=0'
    os.chmod(w.dir, 0o755)
    fails(gw, gw.dir, 'Permission denied')
    assert not os.path.exists(os.path.join(gw.dir, 'db'))


def case_no_such_user(w):
    if os.geteuid():
        raise wd.Skip('needs root')
    name = 'nosuchuser'
    try:
        pwd.getpwnam(name)
        raise wd.Skip('there is a user ' + name)
    except KeyError:
        pass
    fails(w.gateway(lines=['USER ' + name]), name, 'there is no such user')


def case_database_locked(w):
    """Another program holds the database longer than we wait: 452 with that reason; afterwards mail goes on."""
    gw, p, _ = w.pair()
    db = sqlite3.connect(os.path.join(gw.dir, 'db'), isolation_level=None)
    db.execute('BEGIN IMMEDIATE')
    try:
        with gw.client() as c:
            c.ehlo()
            c.mail('steve@example.org')
            assert c.rcpt('bob%mvsa@' + gw.fqdn)[0] == 250
            code, text = c.data(b'Subject: x\r\n\r\nx\r\n')
        assert code == 452 and b'4.3.1' in text and b'another program holds' in text, (code, text)
    finally:
        db.execute('ROLLBACK')
        db.close()
    assert 'another program holds' in gw.read_log()
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.empty()
    assert not p.files
