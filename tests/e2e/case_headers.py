"""Headers of a good citizen, both ways: what is added, what is kept, what a 3270 user sees of it, and what nobody can forge."""
import re

import njefile
import world as wd


def head_of(f):
    lines = f.text().splitlines()
    return lines[:lines.index('')]


def case_shown_in_a_note(w):
    """Reply-To, who sent it again, the list and that nobody wrote it; folded, decoded; a reply to such a note is none of them."""
    gw, p, sink = w.pair()
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[
        ('Reply-To', 'Ann <ann@example.org>'), ('Resent-From', '=?utf-8?q?J=C3=B8rn?= <jorn@example.org>'),
        ('Resent-To', ', '.join('u%d@example.org' % k for k in range(12))), ('Resent-Date', 'Thu, 9 Feb 1995 10:00:00 +0000'),
        ('List-Id', 'Miners <miners.example.org>'), ('List-Unsubscribe', '<mailto:leave@example.org>'),
        ('Auto-Submitted', 'auto-generated'), ('X-Mailer', 'none of his business')])
    f = p.take_file()
    head = head_of(f)
    at = head.index('Reply-To: ann@example.org')
    text = '\n'.join(head[at:])
    assert re.search(r'\nResent-From: J\u00f8rn <jorn@example.org>\nResent-To: ', text), head
    assert text.endswith('Resent-Date: Thu, 9 Feb 1995 10:00:00 +0000\nList-Id: Miners <miners.example.org>\n'
                         'List-Unsubscribe: <mailto:leave@example.org>\nAuto-Submitted: auto-generated\n'
                         'Return-Path: <steve@example.org>'), head
    assert all(len(line) <= 80 for line in head) and 'u11@example.org' in text and 'X-Mailer' not in text, head
    nick, node = f.origin
    p.send(njefile.netdata('BOB', 'MVSA', nick, node, f.text().replace('Subject: ', 'Subject: Re: ').splitlines(), fn='BOB',
                           ft='NOTE', note=True)).wait()
    m = sink.take()
    m.strict
    assert m.rcpts == ['steve@example.org'] and m.mail['Reply-To'].addresses[0].addr_spec == 'ann@example.org', m.data
    for name in ('Resent-From', 'Resent-To', 'List-Id', 'Auto-Submitted'):
        assert m.mail[name] is None, m.data
    gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Auto-Submitted', 'no')])
    assert 'Auto-Submitted' not in p.take_file().text()


def case_kept_in_a_mail(w):
    """RFC 822 text from NJE: every field goes on, in its order; only who may say it says Return-Path; the trace names where it was."""
    gw, p, sink = w.pair()
    fields = ['Resent-From: ANN@MVSA', 'Resent-To: x@example.org', 'Resent-Date: Thu, 9 Feb 1995 10:00:00 +0000',
              'Resent-Message-ID: <r@mvsa>', 'Date: Wed, 08 Feb 1995 15:49:33 +0000', 'From: Bob <BOB@MVSA>', 'Reply-To: ANN@MVSA',
              'To: steve@example.org', 'Subject: kept', 'Message-ID: <one@mvsa>', 'In-Reply-To: <two@example.org>',
              'References: <zero@example.org> <two@example.org>', 'List-Id: <miners.mvsa>', 'List-Post: <mailto:m@example.org>',
              'Auto-Submitted: auto-generated', 'Precedence: list']
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA',
                                                         'Return-Path: <forged@example.org>'] + fields + ['', 'x', '.'])).wait()
    m = sink.take()
    m.strict
    names = [name for name in m.mail.keys() if name not in ('Received', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding')]
    assert names == [f.split(':')[0] for f in fields], names
    for name in ('Message-ID', 'In-Reply-To', 'References', 'List-Id', 'List-Post', 'Auto-Submitted', 'Resent-Message-ID'):
        assert '%s: %s' % (name, m.mail[name]) in fields, (name, m.mail[name])
    assert str(m.mail['Reply-To']).lower() == str(m.mail['Resent-From']).lower() == 'ann%mvsa.rscsnet@' + gw.fqdn
    received = ' '.join(str(m.mail['Received']).split())
    number = re.fullmatch(r'from MVSA \(user BOB, job \w+ \d+, file BOB MAIL, class M\) by %s \(njegate\) with NJE id (\d{8}); .*'
                          % re.escape(gw.fqdn), received)
    assert number, received
    assert 'from=BOB@MVSA via=nje' in gw.cli('trace', number.group(1))


def case_circle(w):
    """Mail from NJE that has been through too many hosts is refused and told, as it is from the Internet."""
    gw, p, sink = w.pair(['MAILHOPCOUNT 5'])
    for n in (6, 5):
        p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA'] +
                             ['Received: from a by b'] * n + ['Subject: hops', '', 'x', '.'])).wait()
        if n == 6:
            assert '554 5.4.6 The mail has 6 Received fields' in p.take_file().text()
    assert len(sink.take().mail.get_all('Received')) == 6
    gw.empty()
    assert not sink.messages


def case_nothing_is_forged_by_a_note(w):
    """Line ends of every kind in names, subject and addresses; fields of a mail as lines of the header; another's name in From."""
    gw, p, sink = w.pair()
    ours = {'Received', 'Date', 'From', 'To', 'Subject', 'Message-ID', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding',
            'Reply-To'}
    breaks = [b'\x15', b'\x25', b'\x0d\x25', b'\x0d', b'\x0c', b'\x0b', '=?utf-8?q?=0D=0A?='.encode('cp037')]
    for end in breaks:
        bad = end + 'Bcc: victim@example.org'.encode('cp037') + end
        lines = ['Date: 13 November 1993, 22:52:42 CET'.encode('cp037'),
                 'From: Eve '.encode('cp037') + bad + '   EVE      at MVSB'.encode('cp037'),
                 'To:   Steve'.encode('cp037') + end + 'Bcc: Hayes   steve    at example.org'.encode('cp037'),
                 'Subject: '.encode('cp037') + 'x'.encode('cp037') + bad, 'Reply-To: a@example.org'.encode('cp037') + bad,
                 'Bcc: victim@example.org'.encode('cp037'), b'\x40', 'text'.encode('cp037')]
        p.send(njefile.netdata('BOB', 'MVSA', 'SMTP', 'GATE', lines, fn='BOB', ft='NOTE', note=True)).wait()
        m = sink.take()
        m.strict
        assert m.rcpts == ['steve@example.org'], (end, m.rcpts)
        assert set(m.mail.keys()) <= ours and m.mail['Bcc'] is None, (end, m.mail.keys())
        assert [a.addr_spec.lower() for a in m.mail['From'].addresses] == ['bob%mvsa.rscsnet@' + gw.fqdn], (end, m.mail['From'])
        assert m.mail['From'].addresses[0].display_name == '', 'the name of another: %s' % m.mail['From']
        assert [a.addr_spec for a in m.mail['To'].addresses] == ['steve@example.org'], (end, m.mail['To'])
        assert len(m.mail.get_all('Received')) == 1 and m.sender.lower().startswith('bob%mvsa'), m.data
    gw.empty()
    assert not sink.messages
