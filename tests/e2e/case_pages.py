"""Code pages of nodes: '@' in another place, double bytes between SO and SI."""
import njefile
from world import Skip

MIME = [('MIME-Version', '1.0'), ('Content-Type', 'text/plain; charset=utf-8'),
        ('Content-Transfer-Encoding', '8bit')]
KANJI = '\u65e5\u672c\u8a9e'
PAIRS = b'\x45\x62\x45\x66\x48\xe7'


def case_german_node(w):
    """A node of page 273 gets its own '@' and may answer with X'7C'."""
    gw, p, sink = w.pair(['NODE MVSA CODEPAGE=273'])
    gw.mail('bob%mvsa@' + gw.fqdn, 'Gr\u00fc\u00dfe [x] {y} \u00a7 5\r\n', headers=MIME)
    f = p.take_file()
    lines = f.lines('cp273')
    assert 'Return-Path: <steve@example.org>' in lines and lines[-1] == 'Gr\u00fc\u00dfe [x] {y} \u00a7 5', lines
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['see a@b'], 'x', to=['steve@example.org'])).wait()
    m = sink.take()
    assert m.rcpts == ['steve@example.org'], m.rcpts
    assert m.mail.get_content().strip() == 'see a\u00a7b', m.mail.get_content()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['see a@b'], 'x', to=['steve@example.org'], page='cp273')).wait()
    m = sink.take()
    assert m.rcpts == ['steve@example.org'] and m.mail.get_content().strip() == 'see a@b', m.mail.get_content()


def case_german_batch(w):
    """Batch SMTP written with X'7C' by a node of page 273."""
    gw, p, sink = w.pair(['NODE MVSA CODEPAGE=273'])
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
        'HELO MVSA', 'MAIL FROM:<bob@mvsa>', 'RCPT TO:<steve@example.org>', 'DATA', 'From: <bob@mvsa>',
        'To: <steve@example.org>', 'Subject: x', '', 'text', '.', 'QUIT'])).wait()
    m = sink.take()
    assert m.rcpts == ['steve@example.org'], m.rcpts
    assert m.mail['To'].addresses[0].addr_spec == 'steve@example.org', m.mail['To']


def japanese(w, form, most):
    try:
        gw, p, sink = w.pair(['NODE MVSA CODEPAGE=939 FORMAT=' + form])
    except AssertionError as e:
        if 'code page' in str(e):
            raise Skip('no page 939 in the C library')
        raise
    gw.mail('bob%mvsa@' + gw.fqdn, KANJI + ' and ' + KANJI * 15 + '\r\nend\r\n', headers=MIME)
    lines = p.take_file().raw_lines()
    for line in lines:
        assert len(line) <= most and line.count(b'\x0e') == line.count(b'\x0f'), line
    text = b''.join(lines).replace(b'\x0f\x0e', b'')
    assert b'\x0e' + PAIRS + b'\x0f\x40\x81\x95\x84' in text and PAIRS * 15 in text, text
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', [b'\x0e' + PAIRS + b'\x0f\x40\x81', b'\x0e' + PAIRS], 'x',
                        to=['steve@example.org'])).wait()
    m = sink.take()
    assert m.mail.get_content().splitlines() == [KANJI + ' a', KANJI], m.mail.get_content()


def case_japanese_notes(w):
    """Double bytes both ways, whole in every record."""
    japanese(w, 'NETDATA', 32000)


def case_japanese_cards(w):
    """And on every card."""
    japanese(w, 'PUNCH', 80)
