"""WAITFILES: what a user sends to one nickname in short succession is one mail, and none of it is lost or doubled."""
import njefile


def started(w, seconds, more=()):
    gw, p, sink = w.pair(lines=['WAITFILES %d' % seconds] + list(more))
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    gw.cli('nick', 'add', 'CARL', 'carl@example.org')
    return gw, p, sink


def note(p, text='Please read the files.', subject='The plan', to='ANNE', user='BOB'):
    p.send(njefile.note(user, 'MVSA', to, 'GATE', [text], subject, 'Bob Builder')).wait()


def text_file(p, name, lines, to='ANNE', user='BOB'):
    p.send(njefile.netdata(user, 'MVSA', to, 'GATE', lines, fn=name, ft='LISTING')).wait()


def binary_file(p, name, blob, to='ANNE', user='BOB'):
    p.send(njefile.netdata(user, 'MVSA', to, 'GATE', [blob], fn=name, ft='MODULE', recfm=0x4000)).wait()


BLOB = bytes(range(256)) * 4


def names(m):
    return [x.get_filename() for x in m.mail.iter_attachments()]


def case_waitfiles_note_and_files(w):
    """A file, the note and another file: one mail, the note's words first, the files in their order; to another
    nickname and from another user they are mails of their own."""
    gw, p, sink = started(w, 4)
    text_file(p, 'FIRST', ['alpha', 'beta'])
    note(p)
    binary_file(p, 'SECOND', BLOB)
    text_file(p, 'OTHER', ['gamma'], to='CARL')
    text_file(p, 'CAROLS', ['delta'], user='CAROL')
    waiting = gw.json('queue', 'list')
    assert len(waiting) == 5 and all('WAITFILES' in r['reason'] for r in waiting), waiting
    got = sorted((sink.take() for _ in range(3)), key=lambda m: len(names(m)))
    m = got[2]
    m.strict
    assert m.rcpts == ['anne@example.org'] and m.mail['Subject'] == 'The plan', m.data
    assert m.mail.get_body(('plain',)).get_content().splitlines()[0] == 'Please read the files.', m.data
    assert [n.upper() for n in names(m)] == ['FIRST.LISTING', 'SECOND.MODULE'], names(m)
    parts = [x.get_payload(decode=True) for x in m.mail.iter_attachments()]
    assert parts[0].split() == [b'alpha', b'beta'] and parts[1] == BLOB, parts
    others = sorted(m.rcpts[0] + ' ' + names(m)[0].upper() for m in got[:2])
    assert others == ['anne@example.org CAROLS.LISTING', 'carl@example.org OTHER.LISTING'], others
    gw.empty()
    assert not sink.messages


def case_waitfiles_two_notes(w):
    """A second note is a second mail; files behind it go with it."""
    gw, p, sink = started(w, 4)
    note(p, 'first note', 'One')
    text_file(p, 'A', ['a'])
    note(p, 'second note', 'Two')
    text_file(p, 'B', ['b'])
    got = {m.mail['Subject']: names(m) for m in (sink.take(), sink.take())}
    assert {k: [n.upper() for n in v] for k, v in got.items()} == {'One': ['A.LISTING'], 'Two': ['B.LISTING']}, got
    gw.empty()
    assert not sink.messages


def case_waitfiles_files_only(w):
    """Without a note the mail names its files; one that nothing follows is a mail as ever."""
    gw, p, sink = started(w, 3)
    text_file(p, 'A', ['a'])
    text_file(p, 'B', ['b'])
    m = sink.take()
    assert m.mail['Subject'].upper() == 'FILES A.LISTING, B.LISTING', m.mail['Subject']
    assert [n.upper() for n in names(m)] == ['A.LISTING', 'B.LISTING']
    text_file(p, 'C', ['c'])
    m = sink.take()
    assert m.mail['Subject'].upper() == 'FILE C.LISTING' and [n.upper() for n in names(m)] == ['C.LISTING'], m.data
    gw.empty()
    assert not sink.messages


def case_waitfiles_kill(w):
    """kill -9 while they wait, and while they become a mail: one mail with all of it, once."""
    gw, p, sink = started(w, 6)
    note(p)
    for i in range(5):
        text_file(p, 'F%d' % i, ['file %d' % i])
    gw.kill()
    gw.start()
    p.wait_up()
    assert len(gw.json('queue', 'list')) == 6
    sink.on('GREETING', '421 4.3.2 not now')
    gw.until(lambda: len(gw.json('queue', 'list')) == 1, what='one mail of all')
    gw.kill()
    sink.on('GREETING', None)
    gw.start()
    gw.cli('queue', 'retry')
    m = sink.take()
    assert m.mail['Subject'] == 'The plan', m.data
    assert [n.upper() for n in names(m)] == ['F%d.LISTING' % i for i in range(5)], names(m)
    gw.empty()
    assert not sink.messages


def case_waitfiles_too_much(w):
    """More than half of MAXMAILBYTES begins another mail; a nickname that goes away while they wait sends them back."""
    gw, p, sink = started(w, 4, ['MAXMAILBYTES 40000'])
    for i in range(3):
        binary_file(p, 'BIG%d' % i, bytes([i + 1, 0xFF]) * 4000)
    got = sorted(len(names(sink.take())) for _ in range(2))
    assert got == [1, 2], got
    text_file(p, 'A', ['a'])
    text_file(p, 'B', ['b'])
    gw.cli('nick', 'delete', 'ANNE')
    back = sorted(p.take_file().fn for _ in range(2))
    assert back == ['A', 'B'], back
    gw.empty()
    assert not sink.messages
