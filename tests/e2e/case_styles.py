"""How one user wants his mail: his own STYLE, his node's; PROFS notes there and back; encoded files for who has no NETDATA."""
import njefile
import world as wd


def answer(p, f, text, subject='Subject: '):
    """The note again, as its reader's REPLY sends it, with Re: and a line of his own."""
    nick, node = f.origin
    lines = [line.replace(subject, subject + 'Re: ') for line in f.text().splitlines()]
    p.send(njefile.netdata('BOB', 'MVSA', nick, node, lines[:lines.index('') + 1] + [text], fn='BOB', ft='NOTE', note=True)).wait()


def case_style_of_one_user(w):
    """STYLE user@node beats NODE STYLE=, for a LOCALUSER too; the others have their node's; a second one is an error."""
    gw, p, _ = w.pair(['LOCALUSER ANN', 'NODE MVSA STYLE=RFC822', 'STYLE PROFS bob@mvsa ANN@GATE', 'STYLE NOTE EVE@MVSA'])
    gw.mail(['bob%mvsa@' + gw.fqdn, 'carol%mvsa@' + gw.fqdn, 'eve%mvsa@' + gw.fqdn, 'ann@' + gw.fqdn])
    text = {f.dest[0]: f.text() for f in (p.take_file() for _ in range(3))}
    assert 'Date and time' in text['BOB'] and '--GATE' in text['BOB'], text['BOB']
    assert text['CAROL'].startswith('Return-Path: <steve@example.org>\nReceived: '), text['CAROL']
    assert text['EVE'].startswith('Date: 8 February 1995, '), text['EVE']
    ann = gw.cli('reader', 'show', str(gw.json('reader', 'list', 'ANN')[0]['id']))
    assert 'Date and time' in ann, ann
    shown = gw.cli('config', 'show')
    assert 'STYLE PROFS BOB@MVSA\nSTYLE PROFS ANN@GATE\nSTYLE NOTE EVE@MVSA\n' in shown, shown
    for line, said in (('STYLE NOTE', 'STYLE NOTE|RFC822|PROFS user@node'), ('STYLE ART A@B', 'ART'), ('STYLE NOTE A', 'user@node'),
                       ('STYLE NOTE A@B\nSTYLE PROFS a@b', 'has one already')):
        bad = w.gateway('BAD%d' % len(w.gateways), [line])
        bad.write()
        assert said in bad.cli('config', 'check', status=1), line


def case_profs_there_and_back(w):
    """A PROFS note is answered in its own form, and the answer reaches who wrote; addresses in both of its spellings."""
    gw, p, sink = w.pair(['NODE MVSA STYLE=PROFS'])
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Cc', 'anne@example.org')])
    f = p.take_file()
    assert '--GATE' in f.text().splitlines()[0] and 'Date and time   02/08/95' in f.text(), f.text()
    answer(p, f, 'yes')
    m = sink.take()
    m.strict
    assert m.rcpts == ['steve@example.org'] and m.mail['Subject'] == 'Re: Testing', m.data
    assert [a.addr_spec for a in m.mail['Cc'].addresses] == ['anne@example.org'], m.data
    assert 'yes' in m.mail.get_content()
    for address in ('MVSA(CAROL)', 'CAROL   --MVSA  Carol'):
        p.send(njefile.netdata('BOB', 'MVSA', 'SMTP', 'GATE', [
            'From: BOB     --MVSA                             Date and time   02/08/95 15:20:34', 'To:   steve@example.org',
            'cc:   ' + address, 'From: Bob Builder', 'Subject: profs', '', 'x'], fn='BOB', ft='NOTE', note=True)).wait()
        m = sink.take()
        assert [a.addr_spec.lower() for a in m.mail['Cc'].addresses] == ['carol%mvsa.rscsnet@' + gw.fqdn], m.data
        assert m.mail['Date'].datetime.strftime('%Y-%m-%d %H:%M:%S') == '1995-02-08 15:20:34', m.data


def case_uuencoded_for_a_node(w):
    """FILES=UU: lines of a text file that uudecode takes; text stays text; mail that comes uuencoded is a file again."""
    gw, p, sink = w.pair(['NODE MVSA FORMAT=PUNCH FILES=UU'])
    body = ('--b1\r\n\r\nsee files\r\n--b1\r\nContent-Type: application/octet-stream; name="x.bin"\r\n'
            'Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b1\r\nContent-Type: text/csv; name=t.csv\r\n\r\n1,2\r\n--b1--\r\n')
    gw.mail('bob%mvsa@' + gw.fqdn, body, headers=[('MIME-Version', '1.0'), ('Content-Type', 'multipart/mixed; boundary=b1')])
    files = {f.fn: f for f in (p.take_file() for _ in range(3))}
    assert not files['X'].is_netdata() and files['X'].lines() == ['begin 644 x.bin', '#86)C', '`', 'end'], files['X'].lines()
    assert files['T'].lines() == ['1,2'], files['T'].lines()
    gw.mail('bob%mvsa@' + gw.fqdn, 'before\r\nbegin 644 y.bin\r\n#86)C\r\n`\r\nend\r\nafter\r\n')
    files = {f.fn: f for f in (p.take_file() for _ in range(2))}
    assert files['Y'].lines() == ['begin 644 y.bin', '#86)C', '`', 'end'], files
    note = [f for name, f in files.items() if name != 'Y'][0].text()
    assert '[y.bin, 3 bytes]' in note and '#86)C' not in note, note
    assert not sink.messages
