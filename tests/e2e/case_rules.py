"""REWRITE822HEADER and RULES: what the header of an NJE user's mail says on the Internet."""
import json
import os

import njefile
import world as wd

HEAD = ['HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA']


def mail(p, sink, headers):
    p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', HEAD + headers + ['', 'x', '.'])).wait()
    return sink.take().mail


def write(gw, name, text):
    with open(os.path.join(gw.dir, name), 'w', encoding='utf-8') as f:
        f.write(text)


def case_default_rules(w):
    """IBM's default set: own node, other node, pseudo domain, unknown host; all around stays."""
    gw, p, sink = w.pair()
    m = mail(p, sink, ['From: Bob (at his desk) <BOB@MVSA>', 'Sender: ANN@GATE', 'Reply-To: bob',
                       'To: Miners: steve@example.org, "C: Carol" <CAROL@MVSA.RSCSNET> (the cook);',
                       'Cc: x@host, <@relay.example:y@mvsa>', 'Errors-To: BOB@MVSA', 'Subject: BOB@MVSA'])
    raw = {name: ' '.join(str(value).split()) for name, value in m.raw_items()}
    for name, want in (
            ('From', 'Bob (at his desk) <BOB%MVSA.RSCSNET@{}>'), ('Sender', 'ANN@{}'),
            ('Reply-To', 'bob%MVSA.RSCSNET@{}'), ('Errors-To', 'BOB@MVSA'), ('Subject', 'BOB@MVSA'),
            ('To', 'Miners: steve@example.org, "C: Carol" <CAROL%MVSA.RSCSNET@{}> (the cook);'),
            ('Cc', 'x@host.example.test, <@relay.example:y%mvsa.RSCSNET@{}>')):
        assert raw[name] == want.format(gw.fqdn), (name, raw[name])


def case_left_alone(w):
    """A field that is no address list goes as it came, and the log says so; the others are rewritten."""
    gw, p, sink = w.pair()
    m = mail(p, sink, ['From: BOB@MVSA', 'To: BOB at MVSA', 'Subject: s'])
    assert str(m['From']) == 'BOB%%MVSA.RSCSNET@%s' % gw.fqdn and 'BOB at MVSA' in m.as_string()
    assert 'not-rewritten' in gw.read_log() and 'field=To' in gw.read_log(), gw.read_log()


def case_rules_file(w):
    """A RULES file of our own, for mail and for a note; errors name file and line."""
    gw, p, sink = w.pair()
    write(gw, 'smtp.rules', "Field Definition Section\nDefaultFields = 'From' 'To' 'Errors-To';\n"
                            "Rule Definition Section\nA '@' 'MVSA' => A '.mvsa@' TCPHostNameDomain;\n")
    gw.lines += ['RULES smtp.rules', 'REWRITE822HEADER YES PRINT']
    gw.restart()
    p.wait_up()
    assert "=> A '.mvsa@'" in gw.read_log(), gw.read_log()
    m = mail(p, sink, ['From: BOB@MVSA', 'Errors-To: Bob <BOB@mvsa>', 'Cc: BOB@MVSA', 'Subject: s'])
    assert [m['From'], m['Errors-To'], m['Cc']] == [
        'BOB.mvsa@example.test', 'Bob <BOB.mvsa@example.test>', 'BOB@MVSA'], m.as_string()
    p.send(njefile.note('BOB', 'MVSA', 'SMTP', 'GATE', ['text'], 'Note', 'Bob Builder',
                        to=['steve    at example.org'])).wait()
    m = sink.take()
    assert m.mail['From'].addresses[0].addr_spec == 'BOB.mvsa@example.test', m.mail['From']
    assert m.sender.lower().startswith('bob%mvsa'), 'rules never touch the envelope: ' + m.sender
    write(gw, 'bad.rules', "Rule Definition Section\n\nA '@' B => C;\nA B => A;\n")
    out = gw.cli('rules', 'check', os.path.join(gw.dir, 'bad.rules'), status=1, both=True)
    assert 'bad.rules:3: C is unbound' in out and 'bad.rules:4: ' in out, out
    out = gw.cli('rules', 'check', os.path.join(gw.dir, 'smtp.rules'))
    assert '1 rules' in out, out


def case_explain(w):
    """Each rule tried and the result last, for people and programs."""
    gw, p, _ = w.pair()
    lines = gw.cli('rules', 'explain', 'From: Carol <CAROL@MVSA>').splitlines()
    assert lines[0] == 'CAROL@MVSA' and lines[-1] == 'From: Carol <CAROL%%MVSA.RSCSNET@%s>' % gw.fqdn, lines
    assert lines[-2].endswith('gives CAROL%%MVSA.RSCSNET@%s' % gw.fqdn) and lines[1].endswith(': no'), lines
    rows = json.loads(gw.cli('--json', 'rules', 'explain', 'To: a@b.example'))
    assert rows[-1]['result'] == 'To: a@b.example' and rows[-2]['matched'] and rows[0]['line'] > 0, rows
    assert gw.cli('rules', 'explain', 'Subject: CAROL@MVSA').splitlines()[-1] == 'Subject: CAROL@MVSA'
