"""Accounting and the log lines that statistics programs read."""
import csv
import datetime
import io
import re

import njefile
import world as wd

MIXED = ('MIME-Version', '1.0'), ('Content-Type', 'multipart/mixed; boundary=x')
BODY = ('--x\r\n\r\nHello\r\n--x\r\nContent-Type: application/octet-stream; name=a.bin\r\n'
        'Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--x--\r\n')


def case_accounting(w):
    """A line a recipient, CSV and JSON: both directions, attachments, what came back."""
    gw, p, sink = w.pair(['RETRYAGE 0', 'DESTINATION dead.example %s:9' % w.address])
    first = gw.mail('bob%mvsa@' + gw.fqdn, body=BODY, headers=MIXED)
    p.take_file()
    p.take_file()
    second = gw.mail(['bob%mvsa@' + gw.fqdn, 'ann%mvsa@' + gw.fqdn])
    p.take_file()
    p.take_file()
    for to in ('steve@example.org', 'x@dead.example'):
        p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<%s>' % to,
                                                             'DATA', 'Subject: x', '', 'x', '.'])).wait()
    sink.take()
    gw.empty()
    text = gw.cli('accounting')
    rows = list(csv.DictReader(io.StringIO(text, newline='')))
    assert list(rows[0]) == ['time', 'id', 'direction', 'from', 'to', 'bytes', 'attachments', 'delay', 'result'], rows[0]
    mine = [r for r in rows if r['id'] == first]
    assert len(mine) == 1 and mine[0]['attachments'] == '1' and mine[0]['direction'] == 'inbound', mine
    assert mine[0]['from'] == 'steve@example.org' and mine[0]['to'] == 'BOB@MVSA' and int(mine[0]['bytes']) > 100, mine
    assert sorted(r['to'] for r in rows if r['id'] == second) == ['ANN@MVSA', 'BOB@MVSA'], rows
    out = {r['to']: r for r in rows if r['direction'] == 'outbound'}
    assert out['steve@example.org']['result'] == 'delivered' and out['x@dead.example']['result'] == 'returned', rows
    assert out['steve@example.org']['attachments'] == '0' and out['steve@example.org']['from'] == 'BOB@MVSA', rows
    again = gw.json('accounting')
    assert len(again) == len(rows) and {r['id'] for r in again} == {r['id'] for r in rows}, again
    day = datetime.datetime.now() - datetime.timedelta(days=3)
    assert gw.json('accounting', day.strftime('%Y-%m-%d')) == []
    gw.cli('accounting', 'yesterday', status=1)


def case_trace_by_message_id(w):
    gw, p, _ = w.pair()
    ident = gw.mail('bob%mvsa@' + gw.fqdn, headers=[('Message-ID', '<Some.Thing=1@mail.example>')])
    p.take_file()
    gw.empty()
    for words in ('<some.thing=1@MAIL.example>', 'some.thing=1@mail.example', 'bob@mvsa', 'STEVE@example.org'):
        assert ident in gw.cli('trace', words), words
    gw.cli('trace', 'thing=1@mail.example', status=1)


def case_ibm_statistics(w):
    """LOGFORMAT IBM as a statistics program reads it: id, date, time, words at their places."""
    gw, p, sink = w.pair(['LOGFORMAT IBM', 'RETRYAGE 0', 'DESTINATION dead.example %s:9' % w.address])
    ident = gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>',
                                                         'RCPT TO:<steve@example.org>', 'DATA', 'Subject: x', '', 'x',
                                                         '.'])).wait()
    sink.take()
    c = wd.Raw(gw.smtp)
    c.hello()
    c.ask('MAIL FROM:<a@example.org>', 250)
    c.ask('RCPT TO:<nobody%%nowhere@%s>' % gw.fqdn, 550, 551, 553, 554)
    c.close()
    gw.until(lambda: 'EZA5550I' in gw.read_log())
    gw.empty()
    lines = [ln for ln in gw.read_log().splitlines() if ln.startswith('EZA')]
    stamp = r'\d\d/\d\d/\d\d \d\d:\d\d:\d\d '
    for form in (r'EZA5475I %sReceived Note %s via TCP \(0\) From <steve@example.org> \d+ Bytes' % (stamp, ident),
                 r'EZA5476I %sDelivered Note %s to BOB at MVSA' % (stamp, ident),
                 r'EZA5474I %sReceived Note \d{8} via BSMTP From <[^ ]+@[^ ]+> \d+ Bytes' % stamp,
                 r'EZA5476I %sDelivered Note \d{8} to <steve@example.org>' % stamp):
        assert len([ln for ln in lines if re.fullmatch(form, ln)]) == 1, (form, lines)
