"""Large mails: what they carry arrives byte for byte, others are served meanwhile, and nothing that was
acknowledged is lost whatever happens while they are converted."""
import base64
import os
import random

import milterd
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
