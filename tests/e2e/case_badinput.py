"""Bad input to the tables: a clear error that names the line or row, exit status 1, nothing changed. One case a kind of
fault, each row by its words; and progress on a terminal."""
import glob
import os
import pty
import select
import sqlite3
import subprocess

from case_spec import rows
from pkgs import TOP
from world import program

TABLES = ('nick', 'alias', 'secure', 'restrict', 'access')


def state(gw):
    return [gw.json(t, 'list') for t in TABLES] + [gw.json('history')]


def filled(w):
    """A gateway with a row in each table."""
    gw = w.gateway(lines=['LOCALUSER OPER', 'SNADSADDRESS QSMRMTAD', 'ROUTE MVSA TO LINK', 'LINKDEFINE LINK TYPE TCPNJE NODE LINK',
                          'PARM LINK RETRY=1']).start()
    gw.cli('nick', 'add', 'FRED', 'fred@example.org')
    gw.cli('alias', 'add', 'CRAB', 'REEF', 'crab@example.org')
    gw.cli('secure', 'add', 'BOB', 'MVSA', 'Bobby', 'Y', 'Y')
    gw.cli('restrict', 'add', 'PURGE', 'EVIL@MVSA')
    gw.cli('access', 'deny', 'EVE@MVSA')
    return gw


def refuses(w, table):
    """Each row: words of njegate, and what must be said; a FILE in the words is written from the row's bytes."""
    gw = filled(w)
    path = os.path.join(w.dir, 'given')

    def one(words, data, said):
        before = state(gw)
        if data is not None:
            with open(path, 'wb') as f:
                f.write(data)
        out = gw.cli(*[path if word == 'FILE' else word for word in words], status=1)
        if state(gw) != before:
            return 'something was changed'
        if not all(ln.startswith(('njegate: ', path)) for ln in out.splitlines()):
            return 'a line that is no error: ' + out
        return True if said in out.replace(path, 'FILE') else out
    rows([(' '.join(words) + (' (%r)' % data[:40] if data else ''), words, data, said, True) for words, data, said in table], one)


NAMES, SECURE, XML = ('nick', 'import', 'FILE'), ('secure', 'import', 'FILE'), ('table', 'import', 'FILE')


def xml(text):
    return ('<?xml version="1.0"?>\n<njegate-tables version="1">\n<nick nick="GOOD" mailbox="g@example.org"/>\n%s\n'
            '</njegate-tables>\n' % text).encode()


def names(text):
    return (':nick.GOOD :userid.g :node.example.org\n%s\n' % text).encode()


def case_too_long(w):
    refuses(w, [
        (('nick', 'add', 'NINECHARS', 'x@example.org'), None, 'NINECHARS'),
        (('nick', 'add', 'X', 'x' * 400 + '@example.org'), None, 'no mailbox'),
        (('nick', 'add', 'X', 'x@example.org', '--owner', 'NINECHARS@MVSA'), None, 'is not USER@NODE'),
        (('alias', 'add', 'NINECHARS', 'REEF', 'x@example.org'), None, '"NINECHARS" is no user ID'),
        (('alias', 'add', 'X', 'NINECHARS', 'x@example.org'), None, '"NINECHARS" is no address'),
        (('secure', 'add', 'NINECHARS', 'MVSA'), None, '"NINECHARS"'), (('secure', 'add', 'X', 'NINECHARS'), None, '"NINECHARS"'),
        (('restrict', 'add', 'PURGE', 'NINECHARS@MVSA'), None, 'NINECHARS@MVSA" is not USER@NODE'),
        (('access', 'deny', 'X@NINECHARS'), None, 'X@NINECHARS" is not USER@NODE'),
        (NAMES, names(':nick.NINECHARS :userid.x :node.example.org'), 'FILE:2: '),
        (SECURE, b'GOOD MVSA\nNINECHARS MVSA\n', 'FILE:2: the userid "NINECHARS"'),
        (SECURE, b'GOOD MVSA\n' + b'X' * 300 + b'\n', 'FILE:2: '),
        (XML, xml('<nick nick="NINECHARS" mailbox="x@example.org"/>'), 'FILE:4: nick: nick="NINECHARS" must be'),
        (XML, xml('<alias userid="NINECHARS" address="REEF" mailbox="x@example.org"/>'), 'FILE:4: alias: userid="NINECHARS"')])


def case_forbidden_characters(w):
    refuses(w, [
        (('nick', 'add', 'A.B', 'x@example.org'), None, 'A.B'), (('nick', 'add', 'A B', 'x@example.org'), None, 'A B'),
        (('nick', 'add', 'X', 'x y@example.org'), None, 'no mailbox'), (('nick', 'add', 'X', 'x@exa_mple..org'), None, 'no mailbox'),
        (('alias', 'add', 'A.B', 'REEF', 'x@example.org'), None, '"A.B" is no user ID'),
        (('secure', 'add', 'X', 'MVSA', 'A.B', 'Y', 'N'), None, 'forbidden character (.)'),
        (('secure', 'add', 'X', 'MVSA', 'AB', 'Y', 'Q'), None, 'primary_mbox is "Q": it must be Y or N'),
        (('restrict', 'add', 'BURN', 'X@MVSA'), None, '"BURN"'), (('restrict', 'add', 'PURGE', 'A.B@MVSA'), None, 'A.B@MVSA'),
        (('access', 'deny', 'A.B@MVSA'), None, 'A.B@MVSA'),
        (NAMES, names(':nick.A.B :userid.x :node.example.org'), 'FILE:2: '),
        (SECURE, b'GOOD MVSA\nX MVSA A.B Y N\n', 'FILE:2: the nickname "A.B" holds a forbidden character (.)'),
        (XML, xml('<nick nick="A B" mailbox="x@example.org"/>'), 'FILE:4: nick: nick="A B" must be'),
        (XML, xml('<secure user="X" node="MVSA" nick="A.B"/>'), 'FILE:4: ')])


def case_duplicates(w):
    refuses(w, [
        (('nick', 'add', 'fred', 'x@example.org'), None, 'FRED exists already'),
        (('alias', 'add', 'crab', 'reef', 'x@example.org'), None, 'CRAB REEF exists already'),
        (('restrict', 'add', 'RETURN', 'evil@mvsa'), None, 'EVIL@MVSA is restricted already'),
        (NAMES, names(':nick.good :userid.x :node.example.org'), 'FILE:2: the nickname is in the file twice'),
        (NAMES, names(':nick.FRED :userid.other :node.example.org'), 'FILE:2: the nickname FRED exists already'),
        (SECURE, b'GOOD MVSA\ngood mvsa\n', 'FILE:2: '),
        (XML, xml('<nick nick="GOOD" mailbox="x@example.org"/>'), 'FILE:4: nick GOOD: given twice')])


def case_two_primaries(w):
    refuses(w, [
        (('secure', 'add', 'CARL', 'MVSA', 'bobby', 'Y', 'N'), None, 'bobby leads to BOB at MVSA already'),
        (('secure', 'add', 'BOB', 'MVSA', 'Robert', 'N', 'Y'), None, 'has the primary mailbox name Bobby already'),
        (SECURE, b'A MVSA X Y N\nB MVSA x Y N\n', 'FILE:2: B MVSA x: a primary_nick=Y row'),
        (SECURE, b'A MVSA X N Y\nA MVSA Z N Y\n', 'FILE:2: A MVSA Z: a primary_mbox=Y row'),
        (SECURE, b'A MVSA\nCARL MVSA BOBBY Y N\n', 'FILE:2: '),
        (XML, xml('<secure user="A" node="N" nick="X" primary_nick="yes"/>\n<secure user="B" node="N" nick="X" primary_nick="yes"/>'),
         'FILE:5: secure B N X: given twice, or a second primary row')])


def case_half_a_record(w):
    refuses(w, [
        (SECURE, b'A MVSA\nB\n', 'FILE:2: a node is missing'), (SECURE, b'A MVSA\nB MVSA X Y\n', 'FILE:2: nickname, primary_nick?'),
        (NAMES, names(':nick. :userid.x :node.example.org'), 'FILE:2: '),
        (NAMES, names(':nick.X :userid. :list.NOBODY'), 'FILE:2: the member NOBODY is no nickname'),
        (NAMES, names(':nick.X :list.steve AT'), 'FILE:2: '),
        (XML, xml('<nick nick="X"/>'), 'FILE:4: '), (XML, xml('<alias userid="X" mailbox="x@example.org"/>'), 'address is missing'),
        (XML, xml('<nick nick="X" mailbox="x@example.org"')[:-20], 'FILE:'), (XML, xml('').replace(b'</njegate-tables>\n', b''), 'FILE:')])


def case_wrong_encoding(w):
    refuses(w, [
        (SECURE, 'BOB MVSA\n'.encode('cp037'), 'not text (a table still in EBCDIC'), (SECURE, b'A MVSA\nB\x00 MVSA\n', 'FILE'),
        (NAMES, ':nick.X :userid.x :node.example.org'.encode('cp037'), 'FILE: line 1: '),
        (NAMES, names(':nick.X :userid.x\x01 :node.example.org'), "line 2: X'01' is no text"),
        (XML, xml('<nick nick="X" mailbox="x@example.org" name="A"/>').replace(b'"A"', b'"\xff\xfe"'), 'FILE:4: '),
        (XML, xml('').decode().encode('utf-16')[2:-3], 'FILE:')])


def case_not_what_it_claims(w):
    refuses(w, [
        (NAMES, xml(''), 'FILE: line 1: text before the first ":nick.": this is no NAMES file'),
        (NAMES, b'\x7fELF\x02\x01\x01\x00', 'this is no NAMES file'), (NAMES, b'BOB MVSA\n', 'this is no NAMES file'),
        (SECURE, xml(''), 'FILE:1: '), (SECURE, b'\x7fELF\x02\x01\x01\x00', 'FILE'),
        (XML, b'', 'FILE'), (XML, names(''), 'FILE:1: '), (XML, b'<html><body/></html>', 'FILE:1: '),
        (XML, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><njegate-tables version="1">&e;</njegate-tables>', 'DOCTYPE'),
        (('nick', 'import', '/'), None, '/'), (('secure', 'import', '/'), None, '/'), (('table', 'import', '/'), None, '/ is not a file'),
        (('nick', 'import', '/nonexistent'), None, '/nonexistent'), (('secure', 'check', '/nonexistent'), None, '/nonexistent'),
        (('table', 'import', '/nonexistent'), None, '/nonexistent: No such file')])


def case_unknown_node(w):
    """A node without a route is worth a word; the route may come later. Somebody who cannot be is refused."""
    gw = filled(w)
    for words in (('secure', 'add', 'X', 'NOWHERE'), ('nick', 'add', 'LIST', '--list', 'FRED,X@NOWHERE')):
        assert 'warning: there is no route to node NOWHERE' in gw.cli(*words, both=True), words
        assert 'warning' not in gw.cli(*[v.replace('NOWHERE', 'MVSA').replace('LIST', 'LIST2') for v in words], both=True)
    assert 'NOBODY' in gw.cli('restrict', 'add', 'TRANSFERTO:NOBODY', 'X@MVSA', status=1)
    gw.cli('nick', 'delete', 'NOBODY', status=1)


def verbs(path):
    return [('nick', 'list'), ('nick', 'show', 'FRED'), ('nick', 'add', 'X', 'x@example.org'), ('nick', 'delete', 'FRED'),
            ('nick', 'import', path), ('secure', 'add', 'X', 'MVSA'), ('alias', 'add', 'X', 'REEF', 'x@example.org'),
            ('restrict', 'add', 'PURGE', 'X@MVSA'), ('access', 'deny', 'X@MVSA'), ('history',)]


def unusable(w, spoil, said):
    """Every verb refuses the database in one line that says why, and leaves its bytes alone."""
    gw = filled(w)
    gw.stop()
    db, path = os.path.join(gw.dir, 'db'), os.path.join(w.dir, 'names')
    with open(path, 'wb') as f:
        f.write(names(''))
    spoil(db)
    with open(db, 'rb') as f:
        before = f.read()

    def one(words):
        out = gw.cli(*words, status=4)
        with open(db, 'rb') as f:
            if f.read() != before:
                return 'the file was changed'
        return True if said in out and len(out.splitlines()) == 1 else out
    rows([(' '.join(words), words, True) for words in verbs(path)], one)


def case_damaged(w):
    def spoil(db):
        with open(db, 'r+b') as f:
            f.write(b'\xa5' * 200)
    unusable(w, spoil, 'damaged or no njegate database')


def case_newer_version(w):
    def spoil(db):
        with sqlite3.connect(db) as c:
            c.execute('PRAGMA user_version = 99')
        c.close()
    known = len(glob.glob(os.path.join(TOP, 'db', 'schema*.sql')))
    unusable(w, spoil, 'made by a newer njegate (schema 99; this one knows up to %d)' % known)


def case_foreign_database(w):
    def spoil(db):
        os.unlink(db)
        c = sqlite3.connect(db)
        c.execute('CREATE TABLE theirs (x)')
        c.commit()
        c.close()
    unusable(w, spoil, "is a database, but not one of njegate's")


def case_locked(w):
    """Another program holds the database: after its patience a writer says who cannot be had and changes nothing; readers read."""
    gw = filled(w)
    gw.stop()
    c = sqlite3.connect(os.path.join(gw.dir, 'db'), isolation_level=None)
    c.execute('BEGIN IMMEDIATE')
    out = gw.cli('nick', 'add', 'X', 'x@example.org', status=4)
    assert 'another program holds' in out and len(out.splitlines()) == 1, out
    assert [r['nick'] for r in gw.json('nick', 'list')] == ['FRED']
    c.execute('ROLLBACK')
    c.close()
    gw.cli('nick', 'add', 'X', 'x@example.org')


def on_terminal(gw, words):
    """What njegate writes on standard error when that is a terminal."""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([program('njegate'), '-c', gw.conf] + words, stdout=subprocess.DEVNULL, stderr=theirs, cwd=gw.dir)
    os.close(theirs)
    said = b''
    while True:
        select.select([ours], [], [], 60)
        try:
            piece = os.read(ours, 4096)
        except OSError:
            piece = b''
        if not piece:
            break
        said += piece
    os.close(ours)
    assert p.wait() == 0, said
    return said.decode()


def case_progress(w):
    """Imports of all three kinds tell how far they are, on a terminal only, and clear the line."""
    gw = w.gateway().start()
    path = os.path.join(w.dir, 'many')
    for kind, step, row, head, end in (
            ('secure', 10000, 'S%d N\n', '', ''), ('nick', 50000, ':nick.N%d :userid.n%d :node.b.example\n', '', ''),
            ('table', 50000, '<nick nick="N%d" mailbox="n%d@b.example"/>\n', '<njegate-tables version="1">\n', '</njegate-tables>\n')):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(head)
            for i in range(step + 1):
                f.write(row % ((i,) * row.count('%d')))
            f.write(end)
        said = on_terminal(gw, [kind, 'import', path])
        assert '\r%d ' % step in said and said.endswith('\r\x1b[K'), (kind, said)
        assert '\r' not in gw.cli(kind, 'import', path, '--replace', both=True), kind
case_progress.limit = 180
