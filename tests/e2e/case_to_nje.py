"""Internet mail becomes notes and files of NJE users."""
import base64
import re

import pkgs
from world import Skip, run


def note_of(peer, **more):
    f = peer.take_file(**more)
    assert f.is_netdata(), f.summary()
    n = f.netdata()
    assert n['note'] and len(n['r02']) == 1 and 'dsnam' not in n['r02'][0], n['r02']
    return f


def check_header(f, want):
    """`want`: the header lines exactly; (A|B) alternatives are regular expressions."""
    lines = f.lines()
    header = lines[:lines.index('')]
    assert len(header) == len(want), 'header is\n%s\nnot\n%s' % ('\n'.join(header), '\n'.join(want))
    for got, line in zip(header, want):
        if not re.fullmatch(line if '(?' in line else re.escape(line), got):
            raise AssertionError('header line\n%r\nshould be\n%r' % (got, line))


def case_note_smtplib(w):
    """Exact header lines of a CMS NOTE, its names, class and origin."""
    gw, p, _ = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn, 'Hello Bob,\r\n\r\nsecond paragraph\r\n',
            headers=[('To', 'Bob Builder <bob%%mvsa@%s>' % gw.fqdn)])
    f = note_of(p)
    nick = f.origin[0]
    assert re.fullmatch(r'QSM\d\d', nick), nick
    assert f.origin == (nick, 'GATE') and f.dest == ('BOB', 'MVSA')
    assert (f.fn, f.ft, f.cls) == (nick, 'NOTE', 'A'), f.summary()
    check_header(f, [r'(?:Date: 8 February 1995, 15:49:33 (GMT|UTC))',
                     '%-6s%-47s%-8s at %s' % ('From:', 'Steve Hayes', nick, 'GATE'),
                     '%-6s%-47s%-8s at %s' % ('To:', 'Bob Builder', 'BOB', 'MVSA'),
                     'Subject: Testing', 'Return-Path: <steve@example.org>'])
    lines = f.lines()
    assert lines[lines.index('') + 1:] == ['Hello Bob,', '', 'second paragraph'], lines
    gw.empty()


def case_note_swaks(w):
    gw, p, _ = w.pair()
    try:
        out = run(['swaks', '--server', '%s:%d' % gw.smtp, '--ehlo', 'client.test', '--from', 'steve@example.org',
                   '--to', 'bob%%mvsa@%s' % gw.fqdn, '--h-Subject', 'by swaks', '--body', 'swaks was here'])
    except FileNotFoundError:
        raise Skip('no swaks')
    assert re.search(r'250 2\.0\.0 Queued as \d{8}', out), out
    f = note_of(p)
    assert 'Subject: by swaks' in f.lines() and 'swaks was here' in f.text()


def case_zone(w):
    """-0500 is EST where that is the gateway's zone; else the number stays."""
    gw, p, _ = w.pair(env={'TZ': 'EST5EDT'})
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Date', 'Wed, 8 Feb 1995 15:15:46 -0500')])
    assert p.take_file().lines()[0] == 'Date: 8 February 1995, 15:15:46 EST'
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Date', 'Wed, 8 Feb 1995 15:15:46 +0330')])
    assert p.take_file().lines()[0] == 'Date: 8 February 1995, 15:15:46 +0330'


def case_long_lines(w):
    """Nothing of a long line is lost."""
    gw, p, _ = w.pair()
    words = ['word%03d' % i for i in range(120)]
    gw.mail('bob%mvsa@' + gw.fqdn, ' '.join(words) + '\r\n' + 'x' * 900 + '\r\n')
    f = note_of(p)
    text = ' '.join(f.lines()[f.lines().index('') + 1:])
    assert text.split()[:120] == words, text
    assert text.count('x') == 900


def case_charsets(w):
    """Quoted-printable, base64 and character sets arrive as the node's code page shows them."""
    gw, p, _ = w.pair(['NODE MVSA CODEPAGE=037'])
    mime = [('MIME-Version', '1.0'), ('Content-Type', 'text/plain; charset=utf-8'),
            ('Content-Transfer-Encoding', 'quoted-printable'), ('Subject', '=?iso-8859-1?Q?Caf=E9_[1]?=')]
    gw.mail('bob%mvsa@' + gw.fqdn, 'na=C3=AFve [brackets] {braces} ^ | ~ 10=E2=82=AC \xe2\x80\x9cq\xe2\x80\x9d\r\n',
            headers=mime)
    f = note_of(p)
    assert 'Subject: Caf\u00e9 [1]' in f.lines(), f.text()
    body = f.lines()[-3]
    assert f.lines()[-1].startswith('[') and ' not in code page 037' in f.lines()[-1], f.text()
    assert 'na\u00efve [brackets] {braces} ^ | ~ 10' in body and 'q' in body, body
    gw.mail('bob%mvsa@' + gw.fqdn, 'R3LDvMOfZQ==\r\n', headers=mime[:2] + [('Content-Transfer-Encoding', 'base64')])
    assert note_of(p).lines()[-1] == 'Gr\u00fc\u00dfe'


def case_html_and_attachments(w):
    """The text part is the note; each attachment a NETDATA file of its own."""
    gw, p, _ = w.pair()
    blob = bytes(range(256)) * 3
    body = ('--b1\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n'
            '--b2\r\nContent-Type: text/plain\r\n\r\nplain text of some words\r\n'
            '--b2\r\nContent-Type: text/html\r\n\r\n<p>html <b>text</b>\r\n--b2--\r\n'
            '--b1\r\nContent-Type: application/octet-stream; name="data.bin"\r\n'
            'Content-Disposition: attachment; filename="data.bin"\r\n'
            'Content-Transfer-Encoding: base64\r\n\r\n' + base64.encodebytes(blob).decode().replace('\n', '\r\n') +
            '\r\n--b1\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=table.csv\r\n\r\n'
            'a,b\r\n1,2\r\n--b1--\r\n')
    gw.mail('bob%mvsa@' + gw.fqdn, body, headers=[('MIME-Version', '1.0'),
                                                  ('Content-Type', 'multipart/mixed; boundary=b1')])
    files = [p.take_file() for _ in range(3)]
    note = next(f for f in files if f.ft == 'NOTE')
    assert 'plain text of some words' in note.lines() and '<p>' not in note.text(), note.text()
    binary = next(f for f in files if f.fn == 'DATA')
    assert b''.join(binary.netdata()['records']) == blob, binary.summary()
    assert binary.ft == 'BIN' and binary.netdata()['r02'][0]['dsnam'] == ['A', 'DATA', 'BIN']
    table = next(f for f in files if f.fn == 'TABLE')
    assert table.ft == 'CSV' and table.lines() == ['a,b', '1,2'], table.lines()


def case_html_only(w):
    gw, p, _ = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn, '<html><body><h1>Title</h1><p>one &amp; two<br>three</p><script>x()</script>'
            '</body></html>\r\n', headers=[('MIME-Version', '1.0'), ('Content-Type', 'text/html; charset=us-ascii')])
    text = note_of(p).text()
    assert 'one & two' in text and 'three' in text and '<' not in text.split('Return-Path')[1].split('>', 1)[1], text
    assert 'x()' not in text


def case_two_recipients_two_nodes(w):
    gw, p, _ = w.pair()
    other = w.peer('MVSB')
    gw.stop()
    gw.link('MVSB', other.listen_at).start()
    p.wait_up()
    other.wait_up()
    gw.mail(['bob%mvsa@' + gw.fqdn, 'carol%mvsa@' + gw.fqdn, 'dave%mvsb.rscsnet@' + gw.fqdn],
            headers=[('To', 'bob%%mvsa@%s, carol%%mvsa@%s' % (gw.fqdn, gw.fqdn)), ('Cc', 'dave%%mvsb@%s' % gw.fqdn)])
    got = sorted(p.take_file().dest for _ in range(2))
    assert got == [('BOB', 'MVSA'), ('CAROL', 'MVSA')], got
    f = other.take_file()
    assert f.dest == ('DAVE', 'MVSB')
    lines = [re.sub(r' +', ' ', ln) for ln in f.lines()[:8]]
    assert 'cc: DAVE at MVSB' in lines and 'To: BOB at MVSA' in lines, lines


def case_punch_node(w):
    """NODE FORMAT=PUNCH STYLE=RFC822: cards, class M, the header as Internet users know it."""
    gw, p, _ = w.pair(['NODE MVSA FORMAT=PUNCH STYLE=RFC822'])
    gw.mail('bob%mvsa@' + gw.fqdn, 'card text\r\n' + 'y' * 200 + '\r\n')
    f = p.take_file()
    assert not f.is_netdata() and f.cls == 'M' and f.ft == 'MAIL', f.summary()
    assert f.origin == ('SMTP', 'GATE'), f.origin
    assert all(len(c) == 80 for c in f.cards())
    lines = f.lines()
    assert 'Subject: Testing' in lines and any(ln.startswith('Received:') for ln in lines), lines
    assert 'card text' in lines and ''.join(lines).count('y') >= 200


def case_rscsformat_punch(w):
    gw, p, _ = w.pair(['RSCSFORMAT PUNCH'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    f = p.take_file()
    assert not f.is_netdata() and f.ft == 'NOTE' and 'Subject: Testing' in f.lines(), f.summary()


def case_bsmtp_node(w):
    """A node with a mailer is handed batch SMTP: envelope with its own users, dots doubled."""
    gw, p, _ = w.pair(['NODE MVSA BSMTP=MAILER FORMAT=PUNCH'])
    gw.mail(['bob%mvsa@' + gw.fqdn, 'carol%mvsa@' + gw.fqdn], 'text\r\n.dot\r\n..\r\nend\r\n')
    f = p.take_file()
    assert f.dest == ('MAILER', 'MVSA') and f.cls == 'M', f.summary()
    lines = f.lines()
    assert re.match('(HELO|EHLO) ', lines[0]), lines
    assert lines[[ln[:5].upper() for ln in lines].index('MAIL ')] == 'MAIL FROM:<steve@example.org>', lines
    rcpts = [ln for ln in lines if ln.upper().startswith('RCPT TO:')]
    if len(rcpts) == 1:
        rcpts += [ln for ln in p.take_file().lines() if ln.upper().startswith('RCPT TO:')]
    assert sorted(r.upper() for r in rcpts) == ['RCPT TO:<BOB@MVSA>', 'RCPT TO:<CAROL@MVSA>'], rcpts
    data = lines[lines.index('DATA') + 1:lines.index('.')]
    assert data[-4:] == ['text', '..dot', '...', 'end'], data
    assert lines[-1] == 'QUIT'


def case_profs_node(w):
    gw, p, _ = w.pair(['NODE MVSA STYLE=PROFS'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    text = p.take_file().text()
    assert re.search(r'BOB *--MVSA|MVSA\(BOB\)', text), text
    assert 'Testing' in text and 'Hello' in text


def case_dotted_rscsdomain(w):
    """user@node.RSCSDOMAIN where that is a real domain, and the alternate one."""
    gw, p, _ = w.pair(['RSCSDOMAIN nje.example.test', 'ALTRSCSDOMAIN bitnet'])
    gw.mail(['bob@mvsa.nje.example.test', 'carol%mvsa.bitnet@' + gw.fqdn])
    assert sorted(p.take_file().dest[0] for _ in range(2)) == ['BOB', 'CAROL']


def case_big_message(w):
    gw, p, _ = w.pair()
    lines = ['line %06d of a long message' % i for i in range(40000)]
    gw.mail('bob%mvsa@' + gw.fqdn, '\r\n'.join(lines) + '\r\n')
    got = note_of(p, limit=60).lines()
    assert got[got.index('') + 1:] == lines


case_big_message.limit = 90


def case_smtp_source(w):
    """200 messages in 20 sessions by Postfix's smtp-source: all arrive, each once."""
    found = pkgs.tool('smtp-source')
    if not found:
        raise Skip('smtp-source (Postfix) cannot be had')
    gw, p, _ = w.pair()
    run([found[0], '-c', '-m', '200', '-s', '20', '-l', '2048', '-N', '-f', 'steve@example.org',
         '-t', 'bob%%mvsa@%s' % gw.fqdn, 'inet:%s:%d' % gw.smtp], env=found[1])
    p.until(lambda: len(p.files) >= 200, 50, '200 files')
    gw.empty()
    assert len(p.files) == 200
    seen = {f.dest[0] + f.text().split('Message-Id:')[-1].split('\n')[0] for f in p.files}
    jobs = {(f.njh['job'], f.njh['entered']) for f in p.files}
    assert len(jobs) == 200 and seen, len(jobs)


case_smtp_source.limit = 120


def case_hops_and_loops(w):
    """A message with too many Received fields is refused, not sent round for ever."""
    gw, p, _ = w.pair(['MAILHOPCOUNT 10'])
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        c.rcpt('bob%mvsa@' + gw.fqdn)
        code, text = c.data('Received: from a by b; Wed, 8 Feb 1995 15:15:46 -0500\r\n' * 11 + '\r\nx\r\n')
    assert code == 554 and b'5.4.6' in text, (code, text)


def case_memo_absent_names(w):
    """Odd but legal headers: no Date, no Subject, group and empty To, encoded names."""
    gw, p, _ = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Date', None), ('Subject', None), ('To', 'undisclosed-recipients:;'),
                                            ('From', '=?utf-8?B?SsO8cmdlbg==?= <j@example.org>')],
            sender='j@example.org')
    f = note_of(p)
    assert 'J\u00fcrgen' in f.lines()[1], f.lines()
    assert re.match(r'Date: \d\d? [A-Z][a-z]+ 20\d\d, ', f.lines()[0]), f.lines()
