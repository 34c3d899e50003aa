"""Large mails: what they carry arrives byte for byte, others are served meanwhile, and nothing that was
acknowledged is lost whatever happens while they are converted."""
import base64
import os
import random
import threading

import milterd
import njefile
import world as wd

SIZE = 8 << 20
USER = 'LOCALUSER U'


def data_of(n, seed=1):
    return random.Random(seed).randbytes(n)


def text_of(n):
    lines, size, k = [], 0, 0
    while size < n:
        k += 1
        lines.append('%d Zeile mit äöüß %s' % (k, '=.' * (k % 40 + 1)))
        size += len(lines[-1].encode()) + 1
    return '\n'.join(lines) + '\n'


def mail(parts, subject='large'):
    """parts: (type, name, bytes)"""
    out = ['From: "Steve" <steve@example.org>\r\nTo: u@gate.example.test\r\nSubject: %s\r\nMIME-Version: 1.0\r\n'
           'Content-Type: multipart/mixed; boundary=xyz\r\n\r\n--xyz\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n'
           % subject]
    for kind, name, data in parts:
        out.append('--xyz\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename="%s"\r\n'
                   'Content-Transfer-Encoding: base64\r\n\r\n' % (kind, name))
        out.append(base64.encodebytes(data).decode().replace('\n', '\r\n'))
    return (''.join(out) + '--xyz--\r\n').encode()


def begin(gw, text, to='u'):
    """A client that has sent all of a mail and waits for its 250."""
    c = wd.Raw(gw.smtp)
    c.hello()
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<%s@%s>' % (to, gw.fqdn), 250)
    c.ask('DATA', 354)
    c.send(text + b'.\r\n')
    return c


def accepted(gw, n=1):
    """The daemon has all of so many mails, and goes on with them."""
    gw.until(lambda: gw.read_log().count('event=accepted ') >= n, what='mails that are complete')


def files(gw, user='U'):
    return {'%s.%s' % (r['fn'], r['ft']): r for r in gw.json('reader', 'list', user)}


def received(gw, name, user='U'):
    folder = os.path.join(gw.dir, 'got-' + name)
    os.makedirs(folder)
    gw.cli('reader', 'receive', str(files(gw, user)[name]['id']), folder)
    with open(os.path.join(folder, os.listdir(folder)[0]), 'rb') as f:
        return f.read()


def case_large_files_arrive(w):
    """Bytes and text, to a reader and over a link, from one mail: the same as were sent."""
    gw, p, _ = w.pair([USER])
    raw, text = data_of(SIZE), text_of(SIZE // 4)
    parts = [('application/octet-stream', 'raw.bin', raw), ('text/csv; charset=utf-8', 'table.csv', text.encode())]
    c = wd.Raw(gw.smtp)
    c.hello()
    c.ask('MAIL FROM:<steve@example.org>', 250)
    c.ask('RCPT TO:<u@%s>' % gw.fqdn, 250)
    c.ask('RCPT TO:<bob%%mvsa@%s>' % gw.fqdn, 250)
    c.ask('DATA', 354)
    c.send(mail(parts) + b'.\r\n').expect(250)
    c.close()
    assert received(gw, 'RAW.BIN') == raw
    got = received(gw, 'TABLE.CSV').decode()
    assert got == text, (len(got), len(text), [x for x in zip(got.split('\n'), text.split('\n')) if x[0] != x[1]][:3])
    there = {f.fn + '.' + f.ft: f for f in (p.take_file(limit=120) for _ in range(3))}
    assert b''.join(there['RAW.BIN'].netdata()['records']) == raw
    assert there['TABLE.CSV'].lines() == text.split('\n')[:-1]


case_large_files_arrive.limit = 240


def case_others_are_served_meanwhile(w):
    """While a large mail is converted, small ones of another session are taken, before it has its answer."""
    gw = w.gateway(lines=[USER]).start()
    large = begin(gw, mail([('application/octet-stream', 'raw.bin', data_of(2 * SIZE))]))
    accepted(gw)
    with gw.client() as c:
        wd.send(c, 'ann@example.org', ['u@' + gw.fqdn], b'Subject: small\r\n\r\nhello\r\n')
        large.sock.setblocking(False)
        try:
            early = large.sock.recv(100)
        except BlockingIOError:
            early = b''
        assert early == b'', 'the large mail was answered first'
    large.sock.settimeout(wd.LIMIT)
    assert 'Queued' in large.expect(250)
    large.close()
    assert 'RAW.BIN' in files(gw)


case_others_are_served_meanwhile.limit = 120


def case_killed_while_converting(w):
    """The power goes while a large mail is converted: what had its 250 is there, of the large one nothing is;
    sent again it arrives once."""
    gw = w.gateway(lines=[USER]).start()
    text = mail([('application/octet-stream', 'raw.bin', data_of(2 * SIZE))])
    for k in range(3):
        gw.mail('u@' + gw.fqdn, subject='before %d' % k)
    large = begin(gw, text)
    accepted(gw, 4)
    gw.mail('u@' + gw.fqdn, subject='meanwhile')
    gw.kill()
    assert large.reply()[0] == 0, 'nothing was acknowledged'
    large.close()
    gw.start()
    assert len(gw.json('reader', 'list', 'U')) == 4, gw.json('reader', 'list', 'U')
    spool = os.path.join(gw.dir, 'spool') if os.path.isdir(os.path.join(gw.dir, 'spool')) else gw.dir
    left = [f for d, _, names in os.walk(spool) for f in names if os.path.basename(d) == 'tmp']
    assert left == [], left
    large = begin(gw, text)
    large.expect(250)
    large.close()
    assert len(gw.json('reader', 'list', 'U')) == 6
    assert received(gw, 'RAW.BIN') == data_of(2 * SIZE)


case_killed_while_converting.limit = 120


def case_client_gone_while_converting(w):
    """A client that hangs up while its mail is converted: the mail is delivered whole all the same."""
    gw = w.gateway(lines=[USER]).start()
    large = begin(gw, mail([('application/octet-stream', 'raw.bin', data_of(SIZE))]))
    accepted(gw)
    large.close()
    gw.until(lambda: 'RAW.BIN' in files(gw))
    assert received(gw, 'RAW.BIN') == data_of(SIZE)


def case_stopped_while_converting(w):
    """A stop waits for what is converted; without time for it the client is put off. Nothing is lost or made
    twice either way."""
    for seconds, codes in ((30, (250,)), (0, (250, 421, 451, 0))):
        gw = w.gateway('STOP%d' % seconds, [USER]).start()
        gw.stop()
        gw.lines = [ln for ln in gw.lines if not ln.startswith('DRAINTIME')] + ['DRAINTIME %d' % seconds]
        gw.start()
        large = begin(gw, mail([('application/octet-stream', 'raw.bin', data_of(SIZE))]))
        accepted(gw)
        gw.stop()
        code, text = large.reply()
        assert code in codes, (code, text)
        large.close()
        gw.start()
        there = 'RAW.BIN' in files(gw)
        assert there or code != 250, 'acknowledged and lost'


def case_large_refused_by_node(w):
    """What stands in the way is found while it is converted: refused for good, nothing of it is made."""
    gw, _, _ = w.pair([USER, 'NODE MVSA MAXFILE=1000000'])
    large = begin(gw, mail([('application/octet-stream', 'raw.bin', data_of(SIZE // 4))]), 'bob%mvsa')
    assert 'RAW.BIN' in large.expect(552)
    large.ask('NOOP', 250)
    large.close()
    assert gw.json('queue', 'list') == []
    assert 'event=refused ' in gw.read_log()


def case_large_through_filters(w):
    """A filter's field in front, the attachment as it was."""
    f = milterd.Filter((w.address, 0))
    w.others.append(f.stop)
    f.at_end(milterd.add_header('X-Added', 'yes'))
    gw, _, sink = w.pair([USER + ' MBOX=u@example.org', 'MILTER ' + f.where])
    raw = data_of(SIZE // 4)
    large = begin(gw, mail([('application/octet-stream', 'raw.bin', raw)]))
    large.expect(250)
    large.close()
    assert received(gw, 'RAW.BIN') == raw
    copy = sink.take(limit=60)
    head, _, body = copy.data.partition(b'\r\n\r\n')
    assert b'X-Added: yes' in head and head.count(b'Received:') == 1, head
    assert body.endswith(mail([('application/octet-stream', 'raw.bin', raw)]).partition(b'\r\n\r\n')[2])


case_large_through_filters.limit = 120


def case_large_held_and_released(w):
    """A large mail that a filter puts aside is converted when it is released."""
    f = milterd.Filter((w.address, 0))
    w.others.append(f.stop)
    f.at_end(milterd.packet('q', milterd.strings('looked odd')))
    gw, _, _ = w.pair([USER, 'MILTER ' + f.where])
    raw = data_of(SIZE // 4)
    large = begin(gw, mail([('application/octet-stream', 'raw.bin', raw)]))
    large.expect(250)
    large.close()
    row = gw.json('queue', 'list')[0]
    gw.cli('queue', 'release', str(row['id']))
    gw.until(lambda: 'RAW.BIN' in files(gw))
    assert received(gw, 'RAW.BIN') == raw
    gw.empty()


def case_size_counts_what_came(w):
    """MAXMAILBYTES is of what the client sends: our own field in front is not counted."""
    most = 100000
    gw = w.gateway(lines=[USER, 'MAXMAILBYTES %d' % most]).start()
    head = b'Subject: exact\r\n\r\n'
    for n, code in ((most, 250), (most + 1, 552)):
        for way in ('DATA', 'BDAT'):
            body = b'x' * 98 + b'\r\n'
            text = head + body * ((n - len(head)) // 100)
            text += b'y' * (n - len(text) - 2) + b'\r\n'
            assert len(text) == n
            c = wd.Raw(gw.smtp)
            c.hello()
            c.ask('MAIL FROM:<steve@example.org>', 250)
            c.ask('RCPT TO:<u@%s>' % gw.fqdn, 250)
            if way == 'DATA':
                c.ask('DATA', 354)
                c.send(text + b'.\r\n')
            else:
                c.send(b'BDAT %d LAST\r\n' % n + text)
            c.expect(code)
            c.close()
    assert len(gw.json('reader', 'list', 'U')) == 2


# --- from NJE to the Internet ------------------------------------------------------------------------

LINES = 50000


def lines_of(n, seed=1):
    more = random.Random(seed)
    return ['%d ' % k + 'abcdefghij ' * more.randrange(1, 12) + 'end' for k in range(n)]


def nick(gw, *names):
    for name in names:
        gw.cli('nick', 'add', name, name.lower() + '@example.org')


def large_note(to='STEVE', n=LINES):
    return njefile.note('BOB', 'MVSA', to, 'GATE', lines_of(n), 'large')


def converting(gw, n=1):
    gw.until(lambda: gw.read_log().count('event=converting ') >= n, what='a file that is being converted')


def filter_that_thinks(w):
    """The filter; when it has a whole mail; and what lets it answer."""
    f = milterd.Filter((w.address, 0))
    w.others.append(f.stop)
    thinking, go_on = threading.Event(), threading.Event()

    def think(*_):
        thinking.set()
        go_on.wait(wd.LIMIT)
        return [milterd.packet('c')]
    f.on('E', think)
    return f, thinking, go_on


def body_lines(copy):
    return copy.data.partition(b'\r\n\r\n')[2].decode().split('\r\n')[:-1]


def case_large_notes_to_internet(w):
    """A note, a file, a batch of two mails and a note to a reader with a mailbox: line for line the same."""
    gw, p, sink = w.pair(['LOCALUSER U MBOX=u@example.org'])
    nick(gw, 'STEVE')
    p.send(large_note(n=LINES // 4)).wait()
    copy = sink.take(limit=60)
    assert copy.rcpts == ['steve@example.org'] and body_lines(copy) == lines_of(LINES // 4)
    p.send(njefile.netdata('BOB', 'MVSA', 'STEVE', 'GATE', lines_of(LINES // 4), 'BIG', 'DATA')).wait()
    parts = list(sink.take(limit=60).mail.iter_attachments())
    assert [x.get_filename() for x in parts] == ['BIG.DATA'], parts
    assert parts[0].get_content().splitlines() == lines_of(LINES // 4)
    batch = ['HELO MVSA', 'VERB ON']
    for k in (1, 2):
        batch += ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<r%d@example.org>' % k, 'DATA', 'From: BOB@MVSA', 'Subject: %d' % k, '']
        batch += [ln[:80] for ln in lines_of(LINES // 8, k)] + ['.']
    p.send(njefile.bsmtp('BOB', 'MVSA', 'MAILER', 'GATE', batch + ['QUIT'])).wait()
    copies = sorted((sink.take(limit=60) for _ in range(2)), key=lambda c: c.rcpts)
    for k, copy in enumerate(copies, 1):
        assert copy.rcpts == ['r%d@example.org' % k] and copy.mail['Subject'] == str(k), copy.rcpts
        got, sent = body_lines(copy), [ln[:80].rstrip() for ln in lines_of(LINES // 8, k)]
        assert [x.rstrip() for x in got] == sent
    p.send(njefile.netdata('BOB', 'MVSA', 'U', 'GATE', lines_of(LINES // 4), 'BIG', 'DATA')).wait()
    assert sink.take(limit=60).rcpts == ['u@example.org']
    assert [r['fn'] for r in gw.json('reader', 'list', 'U')] == ['BIG']
    assert gw.read_log().count('event=converting ') == 4
    gw.empty()


case_large_notes_to_internet.limit = 240


def case_others_are_served_while_a_note_is_converted(w):
    """Small mails of an SMTP session are taken between the end of a large note and its acknowledgement."""
    gw, p, sink = w.pair([USER])
    nick(gw, 'STEVE')
    over = threading.Event()

    def small():
        with gw.client() as c:
            while not over.is_set():
                wd.send(c, 'ann@example.org', ['u@' + gw.fqdn], b'Subject: small\r\n\r\nhello\r\n')
    t = threading.Thread(target=small)
    sent = p.send(large_note())
    t.start()
    try:
        assert sent.wait(120) == 'taken'
    finally:
        over.set()
        t.join()
    during = gw.read_log().split('event=converting ')[1].split('via=nje')[0]
    assert during.count('via=smtp') >= 2, during
    assert body_lines(sink.take(limit=60)) == lines_of(LINES)


case_others_are_served_while_a_note_is_converted.limit = 240


def case_killed_while_a_note_is_converted(w):
    """The power goes meanwhile: the note was not acknowledged, nothing of it is there; sent again it arrives once. A
    filter that thinks makes the time long enough."""
    f, thinking, go_on = filter_that_thinks(w)
    gw, p, sink = w.pair([USER, 'MILTER %s NJE' % f.where])
    nick(gw, 'STEVE')
    note = large_note()
    sent = p.send(note)
    converting(gw)
    assert thinking.wait(wd.LIMIT)
    gw.kill()
    go_on.set()
    assert sent.wait() == 'cut', sent.fate
    gw.start()
    p.wait_up()
    assert gw.json('queue', 'list') == []
    left = [f for d, _, names in os.walk(gw.dir) for f in names if os.path.basename(d) == 'tmp']
    assert left == [], left
    assert p.send(note).wait(120) == 'taken'
    assert body_lines(sink.take(limit=60)) == lines_of(LINES)
    gw.empty()
    assert not sink.messages, 'it came twice'


case_killed_while_a_note_is_converted.limit = 240


def case_note_again_while_it_is_converted(w):
    """The link breaks before the answer, and the same file comes again before the first one is safe: acknowledged
    with it, one mail. A filter that thinks makes the time long enough."""
    f, thinking, go_on = filter_that_thinks(w)
    gw, p, sink = w.pair([USER, 'MILTER %s NJE' % f.where])
    nick(gw, 'STEVE')
    note = large_note(n=LINES // 8)
    assert p.send(note, without_c0=True).wait(120) == 'cut'
    assert thinking.wait(wd.LIMIT)
    p.wait_up()
    again = p.send(note)
    gw.until(lambda: 'event=duplicate ' in gw.read_log(), what='the second copy')
    assert again.fate is None, again.fate
    go_on.set()
    assert again.wait() == 'taken'
    assert body_lines(sink.take(limit=60)) == lines_of(LINES // 8)
    gw.empty()
    assert gw.read_log().count('event=converting ') == 1 and not sink.messages


case_note_again_while_it_is_converted.limit = 240


def case_large_file_that_is_broken(w):
    """What is wrong inside is found beside the loop: back it goes. Larger as mail than may be: so, too."""
    gw, p, sink = w.pair([USER, 'MAXMAILBYTES 1000000'])
    nick(gw, 'STEVE')
    cut = njefile.netdata('BOB', 'MVSA', 'STEVE', 'GATE', lines_of(6000), 'CUT', 'OFF')
    cut.cards = cut.cards[:-200]
    p.allow.add('nd-segment')  # it comes back as it was
    assert p.send(cut).wait(60) == 'taken'
    back = p.take_file(limit=60)
    assert (back.fn, back.dest) == ('CUT', ('BOB', 'MVSA')), back.summary()
    assert 'cut off' in p.take_message()['text']
    more = njefile.note('BOB', 'MVSA', 'STEVE', 'GATE', ['\u00e9aaa' * 18] * 20000, 'quoted')
    assert p.send(more).wait(60) == 'taken'
    assert p.take_file(limit=60).dest == ('BOB', 'MVSA')
    assert 'would be larger' in p.take_message()['text']
    gw.empty()
    assert not sink.messages


def case_stopped_while_a_note_is_converted(w):
    """A stop waits for it, or leaves it to its sender: never both, never neither."""
    gw, p, sink = w.pair([USER, 'DRAINTIME 0'])
    nick(gw, 'STEVE')
    note = large_note()
    sent = p.send(note)
    converting(gw)
    gw.stop()
    fate = sent.wait()
    gw.start()
    p.wait_up()
    if fate != 'taken':
        assert p.send(note).wait(120) == 'taken'
    assert body_lines(sink.take(limit=60)) == lines_of(LINES)
    gw.empty()
    assert not sink.messages


case_stopped_while_a_note_is_converted.limit = 240
