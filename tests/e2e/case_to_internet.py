"""What NJE users send becomes Internet mail."""
import os
import re
import subprocess

import njefile
import pkgs
import world as wd


def from_address(gw, user='BOB', node='MVSA'):
    return '%s%%%s.rscsnet@%s' % (user, node, gw.fqdn)


def same(address, want):
    assert address.lower() == want.lower(), '%s is not %s' % (address, want)


def case_reply_to_nickname(w):
    """A note arrives; REPLY on the terminal reaches its sender as well-formed mail."""
    gw, p, sink = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn)
    nick, node = p.take_file().origin
    p.send(njefile.note('BOB', 'MVSA', nick, node, ['Dear Steve,', '', 'yes.', '.', '.leading dot'], 'Re: Testing',
                        'Bob Builder', to=['Steve Hayes%36s%-8s at %s' % ('', nick, node)])).wait()
    m = sink.take()
    same(m.sender, from_address(gw))
    assert m.rcpts == ['steve@example.org']
    m.strict
    assert m.mail['Subject'] == 'Re: Testing' and m.mail['Message-ID'].strip().startswith('<')
    assert m.mail['Date'].datetime.year == 1993, m.mail['Date']
    sender = m.mail['From'].addresses[0]
    assert sender.display_name == 'Bob Builder', sender
    same(sender.addr_spec, from_address(gw))
    assert [a.addr_spec for a in m.mail['To'].addresses] == ['steve@example.org'], m.mail['To']
    assert m.mail.get_content().splitlines() == ['Dear Steve,', '', 'yes.', '.', '.leading dot']
    gw.empty()


def case_reply_knows_its_thread(w):
    """What the NJE user was given is remembered, also across a restart: his reply has In-Reply-To and References."""
    gw, p, sink = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn, subject='Re: The plan', headers=[
        ('Message-ID', '<third@example.org>'), ('References', '<first@example.org>\r\n <second@example.org>')])
    nick, node = p.take_file().origin
    gw.restart()
    p.wait_up()

    def answer(subject, user='BOB'):
        p.send(njefile.note(user, 'MVSA', nick, node, ['yes'], subject)).wait()
        return sink.take().mail
    m = answer('RE: The plan')
    assert m['In-Reply-To'] == '<third@example.org>', m
    assert m['References'].split() == ['<first@example.org>', '<second@example.org>', '<third@example.org>'], m
    for subject, user in (('The plan', 'BOB'), ('Re: Another plan', 'BOB'), ('Re: The plan', 'CAROL')):
        m = answer(subject, user)
        assert m['In-Reply-To'] is None and m['References'] is None, (subject, user, m)


def case_nickname_by_njegate(w):
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org', '--name', 'Anne Example')
    p.send(njefile.note('BOB', 'MVSA', 'ANNE', 'GATE', ['hi'], 'To Anne')).wait()
    m = sink.take()
    assert m.rcpts == ['anne@example.org'] and 'hi' in m.mail.get_content()
    gw.mail('bob%mvsa@' + gw.fqdn, sender='anne@example.org', headers=[('From', 'anne@example.org')])
    f = p.take_file()
    assert f.origin == ('ANNE', 'GATE') and f.fn == 'ANNE', f.summary()


def case_note_to_internet_addresses(w):
    """A NOTE to SMTP at GATE: its Internet recipients are those of To and cc; nodes are not copied."""
    gw, p, sink = w.pair()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['text'], 'Several', to=[
        'steve    at example.org', 'Anne%48s%-8s at %s' % ('', 'anne', 'example.org'), '%-8s at %s' % ('CAROL', 'MVSA')],
        cc=['John.Doe@example.org'])).wait()
    m = sink.take()
    assert sorted(m.rcpts) == ['John.Doe@example.org', 'anne@example.org', 'steve@example.org'], m.rcpts
    m.strict
    assert len(m.mail['Cc'].addresses) == 1 and len(m.mail['To'].addresses) == 3, m.mail['To']


def case_bsmtp_several(w):
    """Several mails in one batch file, lower case, a doubled dot, the last dot and QUIT missing."""
    gw, p, sink = w.pair()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'helo mvsa', 'mail from:<BOB@MVSA>', 'rcpt to:<steve@example.org>', 'data',
        'From: BOB@MVSA', 'To: steve@example.org', 'Subject: one', '', 'first', '..dotted', '.',
        'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<anne@example.org>', 'RCPT TO:<Steve@Example.org>', 'DATA',
        'From: BOB@MVSA', 'To: anne@example.org', 'Subject: two', '', 'second', '.',
        'mail from:<bob@mvsa>', 'rcpt to:<steve@example.org>', 'data',
        'Subject: three', '', 'third, the end is missing'])).wait()
    by = {m.mail['Subject']: m for m in (sink.take() for _ in range(3))}
    assert by['one'].mail.get_content().splitlines() == ['first', '.dotted']
    assert by['one'].rcpts == ['steve@example.org']
    assert sorted(r.lower() for r in by['two'].rcpts) == ['anne@example.org', 'steve@example.org']
    assert 'Steve@' in ' '.join(by['two'].rcpts), 'the local part of a foreign address keeps its case'
    assert 'third, the end is missing' in by['three'].mail.get_content()
    for m in by.values():
        m.strict
        same(m.sender, from_address(gw))
        received = m.mail.get_all('Received')[0]
        assert 'BOB' in received.upper() and 'MVSA' in received.upper(), received
    gw.empty()


def case_bsmtp_netdata_mailer(w):
    """Batch SMTP in NETDATA to MAILER, with EHLO, TICK and long lines."""
    gw, p, sink = w.pair()
    long = 'z' * 300
    lines = ['EHLO MVSA', 'TICK 0001', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA',
             'From: Bob <BOB@MVSA>', 'To: steve@example.org', 'Subject: tick', '', long, '.', 'QUIT']
    p.send(njefile.netdata('BOB', 'MVSA', 'MAILER', 'GATE', lines, fn='BOB', ft='MAIL', cls='M')).wait()
    m = sink.take()
    assert m.mail.get_content().strip() == long


def case_bsmtp_verb_on(w):
    """VERB ON: commands as read, replies and the TICK text go back to the spool origin."""
    gw, p, sink = w.pair()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'VERB ON', 'TICK A17', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA',
        'Subject: verb', '', 'x', '.', 'QUIT'])).wait()
    sink.take()
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA'), f.summary()
    text = f.text()
    for part in ('A17', 'RCPT TO:<steve@example.org>', '250', '354', '221'):
        assert part in text, text


def case_bsmtp_questions(w):
    """VRFY and EXPN say where mail would go, QUEU what waits; errors are told the sender the batch named."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'VERB ON', 'EXPN ANNE', 'VRFY <carol@mvsa>', 'EXPN nobody', 'QUEU', 'QUEU DATE', 'QUEU X', 'EXPN',
        'MAIL FROM:<CAROL@MVSA>', 'RCPT TO:<nobody@gate.example.test>', 'QUIT'])).wait()
    files = {f.dest[0]: f.text() for f in (p.take_file(), p.take_file())}
    assert sorted(files) == ['BOB', 'CAROL'], files
    lines = files['BOB'].splitlines()

    def answer(command):
        return lines[lines.index(command) + 1]
    assert answer('EXPN ANNE') == '250 2.1.5 <anne@example.org>', lines
    assert answer('VRFY <carol@mvsa>') == '250 2.1.5 <CAROL@MVSA>', lines
    assert answer('EXPN nobody').startswith('550 5.1.1'), lines
    assert answer('QUEU').startswith('250-2.0.0 ' + gw.fqdn) and 'mails queued' in files['BOB'], lines
    assert answer('QUEU X').startswith('501') and answer('EXPN').startswith('501'), lines
    assert not sink.messages


def case_bsmtp_errors(w):
    """A refused recipient in a batch: the rest goes on, the sender has a report."""
    gw, p, sink = w.pair()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<nobody%nowhere@' + gw.fqdn + '>', 'RCPT TO:<steve@example.org>',
        'DATA', 'Subject: half', '', 'x', '.', 'QUIT'])).wait()
    assert sink.take().rcpts == ['steve@example.org']
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and re.search('nowhere', f.text(), re.I), f.text()


def case_file_to_nickname(w):
    """SENDFILE of a text and of a binary file to a nickname: MIME with names that survive."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    p.send(njefile.netdata('BOB', 'MVSA', 'ANNE', 'GATE', ['first line', '', 'third \u00e9'], fn='REPORT',
                           ft='LISTING')).wait()
    m = sink.take()
    m.strict
    text = [part.get_content() for part in m.mail.walk() if part.get_content_type() == 'text/plain']
    assert any('third \u00e9' in t for t in text), m.data
    assert b'REPORT' in m.data.upper() and b'LISTING' in m.data.upper()
    blob = bytes(range(256)) * 10
    p.send(njefile.netdata('BOB', 'MVSA', 'ANNE', 'GATE', [blob], fn='PROG', ft='MODULE', recfm=0x4000)).wait()
    m = sink.take()
    m.strict
    parts = [part.get_payload(decode=True) for part in m.mail.walk() if not part.is_multipart()]
    assert any(blob in x for x in parts), m.data[:2000]


def case_punch_file_to_nickname(w):
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    p.send(njefile.punch('BOB', 'MVSA', 'ANNE', 'GATE', ['card one', '', 'card three'], fn='DECK', ft='JCL')).wait()
    m = sink.take()
    m.strict
    assert b'card one' in m.data and b'card three' in m.data


def case_unknown_nickname(w):
    """A note to nobody returns with a reason, and a message says so at once."""
    gw, p, sink = w.pair()
    p.send(njefile.note('BOB', 'MVSA', 'NOBODY', 'GATE', ['lost text'], 'Lost')).wait()
    msg = p.take_message(lambda m: m['to_user'] == 'BOB')
    assert 'NOBODY' in msg['text'] and not msg['from_user'], msg
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and 'NOBODY' in f.text() or 'lost text' in f.text(), f.text()
    assert not sink.messages


def case_unreadable_to_smtp(w):
    """Neither batch SMTP nor a note: returned with a reason."""
    gw, p, sink = w.pair()
    p.send(njefile.punch('BOB', 'MVSA', 'SMTP', 'GATE', ['This is just a file'])).wait()
    p.take_message(lambda m: m['to_user'] == 'BOB')
    f = p.take_file()
    assert f.dest == ('BOB', 'MVSA') and 'This is just a file' in f.text(), f.text()


def case_smarthost(w):
    gw_sink = w.sink()
    gw = w.gateway(lines=['SMARTHOST ' + gw_sink.where])
    p = w.peer()
    gw.link('MVSA', p.listen_at).start()
    p.wait_up()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<a@one.test>', 'RCPT TO:<b@two.test>', 'DATA', 'Subject: s',
        '', 'x', '.', 'QUIT'])).wait()
    rcpts = []
    while len(rcpts) < 2:
        rcpts += gw_sink.take().rcpts
    assert sorted(rcpts) == ['a@one.test', 'b@two.test']


def case_rewrite_off(w):
    gw, p, sink = w.pair(['REWRITE822HEADER NO'])
    if 'REWRITE822HEADER has no effect' in gw.read_log():
        raise wd.Skip('REWRITE822HEADER has no effect in this version')
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA',
        'From: Bob <BOB@MVSA>', 'To: steve@example.org', 'Subject: raw', '', 'x', '.'])).wait()
    assert sink.take().mail['From'].addresses[0].addr_spec == 'BOB@MVSA'


def case_dotted_domain(w):
    """RSCSDOMAIN with a dot: user@node.domain is the sender's address."""
    gw, p, sink = w.pair(['RSCSDOMAIN nje.example.test'])
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA',
        'From: Bob <BOB@MVSA>', 'To: steve@example.org', 'Subject: dotted', '', 'x', '.'])).wait()
    m = sink.take()
    same(m.sender, 'BOB@MVSA.nje.example.test')
    same(m.mail['From'].addresses[0].addr_spec, 'BOB@MVSA.nje.example.test')


def case_smtp_sink(w):
    """200 batch mails to Postfix's smtp-sink, which files each: none is missing, none came twice."""
    found = pkgs.tool('smtp-sink')
    if not found:
        raise wd.Skip('smtp-sink (Postfix) cannot be had')
    port, dump = w.port(), os.path.join(w.dir, 'dump')
    os.mkdir(dump)
    who = ['-u', 'root'] if os.geteuid() == 0 else []
    sink = subprocess.Popen([found[0]] + who + ['-d', os.path.join(dump, 'm.'), '-h', 'sink.test',
                             'inet:%s:%d' % (w.address, port), '200'], env=found[1])
    w.others.append(sink.kill)
    wd.wait_port((w.address, port))
    gw, p, _ = w.pair(['DESTINATION load.test %s:%d' % (w.address, port)])
    sent = []
    for i in range(20):
        mail = ['HELO MVSA']
        for j in range(10):
            mail += ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<u%d@load.test>' % i, 'DATA', 'Subject: n%d-%d' % (i, j), '',
                     'text', '.']
        sent.append(p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', mail + ['QUIT'])))
    assert [s.wait() for s in sent] == ['taken'] * 20
    gw.empty(60)
    subjects = []
    for name in os.listdir(dump):
        with open(os.path.join(dump, name), encoding='latin-1') as f:
            subjects += re.findall(r'^Subject: (n\d+-\d+)', f.read(), re.M)
    assert len(subjects) == 200 and len(set(subjects)) == 200, (len(subjects), len(set(subjects)))


case_smtp_sink.limit = 150


def case_partitioned_data_set(w):
    """A PDS: its message is the text, with the list of members; the transmission and each member are attached."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    cards = [('line %d' % i).encode('cp037').ljust(80, b'\x40') for i in range(7)]
    binary = bytes(range(256)) * 5
    blocks = [binary[at:at + 80] for at in range(0, len(binary), 80)]
    out = njefile.pds('BOB', 'MVSA', 'ANNE', 'GATE', [('HELLO', cards), ('LOAD', blocks), ('NONE', [])],
                      message=['look at', 'this'])
    p.send(out).wait()
    m = sink.take().mail
    text = m.get_body(('plain',)).get_content()
    assert text.splitlines()[:2] == ['look at', 'this'], repr(text)
    for line in ('HELLO          7 records', 'LOAD          16 records, binary', 'NONE           0 records'):
        assert line in text, text
    parts = {a.get_filename().upper(): a for a in m.iter_attachments()}
    assert sorted(parts) == ['HELLO', 'LOAD', 'MY.PDS.XMI', 'NONE'], parts.keys()
    assert parts['MY.PDS.XMI'].get_content() == b''.join(out.cards), 'the transmission byte for byte'
    assert parts['HELLO'].get_content().split() == ' '.join('line %d' % i for i in range(7)).split()
    assert parts['LOAD'].get_content() == binary
    assert 'MY.PDS.XMI' in m['Subject'] and 'HELLO' not in m['Subject'], m['Subject']
    # two without a message, one of them not to be taken apart
    out = njefile.pds('BOB', 'MVSA', 'ANNE', 'GATE', [('HELLO', cards)], dsn=('A', 'HELP'))
    p.send(out).wait()
    m = sink.take().mail
    assert 'HELLO' in m.get_body(('plain',)).get_content() and len(list(m.iter_attachments())) == 2
    out.cards = [c.replace(b'\x00\xca\x6d\x0f', b'\x00\xca\x6d\x0e') for c in out.cards]
    out.job = None
    p.send(njefile.Outgoing('BOB', 'MVSA', 'ANNE', 'GATE', 'PDS', 'XMIT', out.cards)).wait()
    m = sink.take().mail
    assert 'malformed' in m.get_body(('plain',)).get_content()
    assert [a.get_content() for a in m.iter_attachments()] == [b''.join(out.cards)]


def case_archives(w):
    """VMARC, DISK DUMP, object decks: recognised by their first bytes, never translated, though all is printable."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    text = 'THE QUICK BROWN FOX'.encode('cp037')
    for first in ('7ac3c6c640404040', '02c3d4e240', '02c5e2c440', '02e3e7e340'):
        cards = [(bytes.fromhex(first) + text).ljust(79, b'\x40') + b'\xf1'] + [text.ljust(79, b'\xc1') + b'\x5b'] * 40
        p.send(njefile.Outgoing('BOB', 'MVSA', 'ANNE', 'GATE', 'THINGS', 'VMARC', cards)).wait()
        got = list(sink.take().mail.iter_attachments())
        assert len(got) == 1 and got[0].get_content_type() == 'application/octet-stream', got
        assert got[0].get_content() == b''.join(cards), first
        lines = [(bytes.fromhex(first) + text).ljust(80, b'\x40'), text.ljust(80, b'\x40')]
        p.send(njefile.netdata('BOB', 'MVSA', 'ANNE', 'GATE', lines, 'THINGS', 'VMARC')).wait()
        got = list(sink.take().mail.iter_attachments())
        assert [g.get_content() for g in got] == [b''.join(lines)], first
