"""Files that cross Internet mail between two gateways arrive as they left: name, form, every record."""
import glob
import os

import njefile
import njewire
import world as wd


def two_gateways(w, far=()):
    """BOB at MVSA behind GATE, ANN at VMB behind FAR; only SMTP between the gateways."""
    a = w.gateway('GATE')
    b = w.gateway('FAR', far)
    a.lines.append('DESTINATION far.%s %s:%d' % ((wd.DOMAIN,) + b.smtp))
    pa, pb = w.peer('MVSA'), w.peer('VMB', other='FAR')
    a.link('MVSA', pa.listen_at).start()
    b.link('VMB', pb.listen_at).start()
    pa.wait_up()
    pb.wait_up()
    a.cli('nick', 'add', 'ANN', 'ann%vmb@' + b.fqdn)
    return a, b, pa, pb


def send(p, records, **more):
    p.send(njefile.netdata('BOB', 'MVSA', 'ANN', 'GATE', records, **more)).wait()


def take(pb, count=2):
    """The note and the files of one mail."""
    files = [pb.take_file() for _ in range(count)]
    note = next(f for f in files if f.ft == 'NOTE')
    return note, [f for f in files if f is not note]


def same(f, records, recfm, lrecl=None):
    nd = f.netdata()
    assert nd['records'] == records, (len(nd['records']), nd['records'][:5], records[:5])
    got = nd['r02'][0]
    assert got['recfm'] & 0xC000 == recfm, hex(got['recfm'])
    assert lrecl is None or got['lrecl'] == lrecl, got


def eb(text):
    return text.encode(njewire.PAGE)


def case_records(w):
    """Text with blanks at its ends, F records, binary of uneven records, and what is neither."""
    _, _, pa, pb = two_gateways(w)
    text = [eb(t) for t in ('first [x]', ' ', 'blanks behind   ', '   before', 'caf\u00e9', '.', 'From here', 'end')]
    send(pa, text, fn='REPORT', ft='LISTING', recfm=0x4000)
    note, (f,) = take(pb)
    same(f, text, 0x4000)
    assert (f.fn, f.ft) == ('REPORT', 'LISTING') and f.netdata()['r02'][0]['dsnam'] == ['A', 'REPORT', 'LISTING']
    assert any('REPORT' in ln and 'LISTING' in ln for ln in note.lines()), note.text()
    fixed = [eb(t.ljust(80)) for t in ('card 1', '', 'card 3')]
    send(pa, fixed, fn='DECK', ft='ASSEMBLE', recfm=0x8000)
    _, (f,) = take(pb)
    same(f, fixed, 0x8000)
    blob = [bytes(range(i % 250 + 1)) for i in range(0, 3000, 7)]
    send(pa, blob, fn='PROG', ft='TEXT', recfm=0x4000)
    _, (f,) = take(pb)
    same(f, blob, 0x4000)
    assert (f.fn, f.ft) == ('PROG', 'TEXT')
    odd = [eb('text with a control') + b'\x15' + eb('in it, and enough more of it to be text'), eb('end')]
    send(pa, odd, fn='ODD', ft='SCRIPT', recfm=0x4000)
    _, (f,) = take(pb)
    same(f, odd, 0x4000)
    send(pa, [b'hello', b'world'], fn='ASCII', ft='DATA', recfm=0x4000)
    _, (f,) = take(pb)
    same(f, [b'hello', b'world'], 0x4000)
    huge = [bytes((i * 7 + k) & 0xFF for k in range(i * 37 % 199 + 1)) for i in range(9000)]
    send(pa, huge, fn='HUGE', ft='LIB', recfm=0x4000)
    _, (f,) = take(pb)
    same(f, huge, 0x4000)


def case_cards_and_programs(w):
    """A punched file is one of F 80; a program gets a type that does not run."""
    _, _, pa, pb = two_gateways(w)
    pa.send(njefile.punch('BOB', 'MVSA', 'ANN', 'GATE', ['card one', '', 'card three'], fn='DECK', ft='JCL')).wait()
    _, (f,) = take(pb)
    same(f, [eb(t.ljust(80)) for t in ('card one', '', 'card three')], 0x8000)
    send(pa, [eb('/* REXX */'), eb('say hello')], fn='PROFILE', ft='EXEC')
    _, (f,) = take(pb)
    assert (f.fn, f.ft) == ('PROFILE', 'DATA') and f.netdata()['r02'][0]['dsnam'] == ['A', 'PROFILE', 'DATA']


def case_types_that_may_run(w):
    _, _, pa, pb = two_gateways(w, ['RENAMETYPES MODULE'])
    send(pa, [eb('/* REXX */')], fn='HELLO', ft='EXEC')
    assert take(pb)[1][0].ft == 'EXEC'


def case_print_file(w):
    """Carriage control becomes lines; what is seen in the mail is the page."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    p.send(njefile.Outgoing('BOB', 'MVSA', 'ANNE', 'GATE', 'RUN', 'LISTING', [
        eb('PAGE ONE'), eb('line'), eb('double'), eb('after it')], cc=b'\x11')).wait()
    m = sink.take()
    m.strict
    text = next(x for x in m.mail.walk() if x.get_filename()).get_content()
    assert text.splitlines()[:5] == ['PAGE ONE', '', 'line', '', 'double'], text


def case_numbered(w):
    """Three files of one mail: number, name and size in the note, the same number beside each file."""
    gw, p, _ = w.pair()
    part = ('--b1\r\nContent-Type: application/octet-stream; name="same name.bin"\r\n'
            'Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n')
    gw.mail('bob%mvsa@' + gw.fqdn, '--b1\r\n\r\nsee files\r\n' + 3 * part + '--b1--\r\n',
            headers=[('MIME-Version', '1.0'), ('Content-Type', 'multipart/mixed; boundary=b1')])
    note, files = take(p, 4)
    assert sorted(f.fn for f in files) == ['SAMENAM1', 'SAMENAM2', 'SAMENAME'], [f.fn for f in files]
    for i, f in enumerate(sorted(files, key=lambda f: f.dsh[0]['dist'])):
        assert f.dsh[0]['dist'].endswith('-%dOF3' % (i + 1)), f.dsh[0]
        assert any(ln.split()[:4] == [str(i + 1), f.fn, 'BIN', '3'] for ln in note.lines()), note.text()
    assert any(files[0].dsh[0]['dist'][:4] in ln for ln in note.lines()), note.text()


def case_encoded_for_a_node(w):
    """FILES=XX: a node that cannot receive NETDATA gets lines it can decode; MAXFILE refuses."""
    gw, p, _ = w.pair(['NODE MVSA FORMAT=PUNCH FILES=XX MAXFILE=1000'])
    body = ('--b1\r\n\r\nsee file\r\n--b1\r\nContent-Type: application/octet-stream; name="x.bin"\r\n\r\n%s'
            '\r\n--b1--\r\n')
    mime = [('MIME-Version', '1.0'), ('Content-Type', 'multipart/mixed; boundary=b1')]
    gw.mail('bob%mvsa@' + gw.fqdn, body % '\x01\x02\x03', headers=mime)
    _, (f,) = take(p)
    assert not f.is_netdata() and f.lines() == ['begin 644 x.bin', '1+E61', '+', 'end'], f.lines()
    try:
        gw.mail('bob%mvsa@' + gw.fqdn, body % ('\x01' * 1001), headers=mime)
    except AssertionError as e:
        assert '552' in str(e) and '1000' in str(e), e
    else:
        raise AssertionError('an attachment of 1001 bytes was taken')


def case_too_large_for_one(w):
    """MAXFILE of one node: the others get the mail, its user is told of; alone, the mail is refused."""
    gw, p, sink = w.pair(['NODE SMALL MAXFILE=1000'])
    gw.lines += ['ROUTE SMALL TO MVSA']
    gw.restart()
    p.wait_up()
    head = [('MIME-Version', '1.0'), ('Content-Type', 'multipart/mixed; boundary=b1')]
    body = ('--b1\r\n\r\nsee file\r\n--b1\r\nContent-Type: application/octet-stream; name="x.bin"\r\n\r\n' +
            '\x01' * 2000 + '\r\n--b1--\r\n')
    gw.mail(['bob%mvsa@' + gw.fqdn, 'eve%small@' + gw.fqdn], body, headers=head)
    note, (f,) = take(p)
    assert note.dest == f.dest == ('BOB', 'MVSA'), (note.dest, f.dest)
    report = sink.take()
    status = next(x for x in report.mail.walk() if x.get_content_type() == 'message/delivery-status').as_string()
    assert report.rcpts == ['steve@example.org'], report.rcpts
    assert 'eve%small@' in status and '1000' in status and 'bob%mvsa' not in status, status
    try:
        gw.mail('eve%small@' + gw.fqdn, body, headers=head)
    except AssertionError as e:
        assert '552' in str(e), e
    else:
        raise AssertionError('taken for nobody')


def case_cannot_be_shown(w):
    """Nested beyond all limits: a note that says so, and the whole of it in a file."""
    gw, p, _ = w.pair()
    inner = 'innermost words\r\n'
    for i in range(60):
        inner = 'Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n' % (i, i, inner if i else
                                                                                         '\r\n' + inner, i)
    head, body = inner.split('\r\n\r\n', 1)
    gw.mail('bob%mvsa@' + gw.fqdn, body, headers=[('MIME-Version', '1.0'), tuple(head.split(': ', 1))])
    note, (f,) = take(p)
    assert 'cannot be shown' in note.text() and 'MESSAGE' in note.text(), note.text()
    assert 'innermost words' in f.text() and f.ft == 'MAIL', f.summary()


def case_library(w):
    """A partitioned data set: the transmission arrives byte for byte, its members only in it."""
    _, _, pa, pb = two_gateways(w)
    cards = [eb('line %d' % i).ljust(80, b'\x40') for i in range(7)]
    out = njefile.pds('BOB', 'MVSA', 'ANN', 'GATE', [('HELLO', cards), ('BYE', cards[:2])], message=['look'])
    pa.send(out).wait()
    note, (f,) = take(pb)
    assert 'look' in note.lines() and 'HELLO' in note.text(), note.text()
    assert b''.join(f.cards()) == b''.join(out.cards), f.summary()


def case_library_members(w):
    """Its members are parts of the Internet mail, text as text, beside the transmission; print files can be read there, too."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    cards = [eb('line %d' % i).ljust(80, b'\x40') for i in range(3)]
    blob = [bytes(range(80)), bytes(range(80, 160))]
    out = njefile.pds('BOB', 'MVSA', 'ANNE', 'GATE', [('HELLO', cards), ('PROG', blob)], message=['look'])
    p.send(out).wait()
    m = sink.take()
    m.strict
    parts = {a.get_filename().upper(): a for a in m.mail.iter_attachments()}
    assert sorted(parts) == ['HELLO', 'MY.PDS.XMI', 'PROG'], parts.keys()
    assert [ln.rstrip() for ln in parts['HELLO'].get_content().splitlines()] == ['line 0', 'line 1', 'line 2']
    assert parts['PROG'].get_payload(decode=True) == b''.join(blob)
    assert m.mail.get_body(('plain',)).get_content().startswith('look'), m.data


def case_small_files(w):
    """What every byte of could be printed in EBCDIC is not text for that: ASCII bytes go as they are."""
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for record, text in ((b'hello', None), (eb('hello'), 'hello'), (b'\0\0\0', None), (eb('--'), '--')):
        p.send(njefile.netdata('BOB', 'MVSA', 'ANNE', 'GATE', [record], fn='SMALL', ft='FILE', recfm=0x4000)).wait()
        m = sink.take()
        part = next(m.mail.iter_attachments())
        if text is None:
            assert part.get_payload(decode=True) == record, m.data
        else:
            assert part.get_content_type() == 'text/plain' and part.get_content().strip() == text, m.data


def blocked(nd, i):
    """The records of a transmission's file as lines: RECFM F is cut at its LRECL (XMIT370 sends whole blocks)."""
    f = nd['r02'][i]
    for r in nd['records']:
        if f['recfm'] & 0xC000 == 0x8000 and f['lrecl']:
            yield from (r[at:at + f['lrecl']] for at in range(0, len(r), f['lrecl']))
        else:
            yield r


def case_samples(w):
    """Transmissions of MVS and z/OS: text as its own decoder reads it, libraries byte for byte and with their members."""
    samples = sorted(glob.glob(os.path.join(wd.TOP, '..', 'shared', 'samples', 'xmi', '*.x*')))
    if not samples:
        raise wd.Skip('no samples of NETDATA at hand')
    gw, p, sink = w.pair()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    for path in samples:
        with open(path, 'rb') as f:
            raw = f.read()
        out = njefile.Outgoing('BOB', 'MVSA', 'ANNE', 'GATE', 'SAMPLE', 'XMI', njewire.cards_of(raw))
        p.send(out).wait()
        m = sink.take()
        parts = {a.get_filename(): a for a in m.mail.iter_attachments()}
        nd = njewire.nd_get(raw.rstrip(b'\x40'))  # these end with blanks
        if any(r['dsorg'] == 0x0200 for r in nd['r02']):
            got = next(a.get_payload(decode=True) for n, a in parts.items() if n.lower().endswith('.xmi'))
            assert got[:len(raw)] == raw and not got[len(raw):].strip(b'\0'), path
            assert len(parts) >= 2, (path, parts.keys())
            continue
        want = [r.decode(njewire.PAGE).rstrip() for r in blocked(nd, 0)]
        text = [a.get_content() for a in parts.values()] or [m.mail.get_content()]
        assert [ln.rstrip() for ln in text[0].splitlines()] == want, (path, want[:3], text[0][:200])
