"""Operator commands: njegate smsg and interactive messages, one table for both."""
import os
import sqlite3

import world as wd


def smsg(gw, text):
    return gw.cli('smsg', text)


def case_oper_commands(w):
    """Each command, its short forms and its wrong forms, from the control socket."""
    gw, p, _ = w.pair()
    for words, want in (('HELP', 'SHUTDOWN'), ('he queues', 'The form is: QUEUES [MAX=lines|*]'),
                        ('HELP STARTE', 'may be shortened to STARTE'), ('HELP NONE', 'Unknown command'),
                        ('FROB', 'Unknown command FROB'), ('S', 'Unknown command'),
                        ('QU', '0 mails queued'), ('QUEUES,MAX=5', '0 mails queued'), ('QUEUES *', '0 mails queued'),
                        ('QUEUES MAX=0', 'The form is: QUEUES'), ('NUMQ', '0 mails queued'), ('NUMQ 1', 'The form is'),
                        ('ST', 'last minute'), ('LI', 'MVSA'), ('STOP', 'The form is: STOP link'),
                        ('STOP NOLINK', 'NOLINK'), ('STOP MVSA NOW', 'The form is'), ('DE', 'DEBUG: done'),
                        ('NOD', 'NODEBUG: done'), ('TR', 'TRACE: done'), ('NOT', 'NOTRACE: done'),
                        ('STARTEXIT', 'EZA5695I Exit previously started'), ('STOPE', 'Filters are stopped'),
                        ('STARTE', 'Filters are started'), ('EX', 'The form is: EXPIRE'),
                        ('EXPIRE,192.0.2.1', '0 destinations'), ('HOLD x', 'The form is: HOLD id'),
                        ('HOLD 77', 'There is no mail 00000077'), ('RETRY', 'tried again'), ('C', 'no console')):
        assert want in smsg(gw, words), (words, smsg(gw, words))
    smsg(gw, 'DEBUG')
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.until(lambda: 'event=smtp-command' in gw.read_log() and 'line="mail FROM:' in gw.read_log() and
             'event=smtp-reply' in gw.read_log())
    assert 'is drained' in smsg(gw, 'DRAIN MVSA') or 'signs off' in smsg(gw, 'DR MVSA')
    ident = gw.mail('bob%mvsa@' + gw.fqdn)
    assert 'is held' in smsg(gw, 'HOLD ' + ident)
    gw.until(lambda: gw.json('queue', 'list')[0]['state'].startswith('held'))
    assert 'MVSA: 1 waiting' in smsg(gw, 'QUEUES')
    smsg(gw, 'START MVSA')
    assert 'is released' in smsg(gw, 'REL %d' % int(ident))
    p.take_file()
    gw.lines.append('LOCALUSER NEWUSER')
    gw.write()
    smsg(gw, 'REBOOT')
    gw.until(lambda: 'event=reload result=done' in gw.read_log())


def case_oper_expire(w):
    """EXPIRE: a destination that failed is looked up, and tried, at once."""
    gw, p, sink = w.pair(['LOCALUSER HUGO'])
    gw.lines.append('DESTINATION dead.example %s:9' % w.address)
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload result=done' in gw.read_log())
    gw.cli('note', 'x@dead.example', '--from', 'HUGO', stdin='Hello\n')
    gw.until(lambda: gw.json('queue', 'list') and gw.json('queue', 'list')[0]['tries'])
    assert 'failed, again in' in smsg(gw, 'QUEUES')
    assert '1 destination by' in smsg(gw, 'EXPIRE @%s:9' % w.address)


def case_oper_privileges(w):
    """By message: SMSGAUTHLIST, and the link behind which the node lies; every refusal is one line and logged."""
    gw, p, _ = w.pair(['SMSGAUTHLIST BOB@MVSA ROOT@MVSZ ENDSMSGAUTHLIST', 'LINKDEFINE Z TYPE TCPNJE NODE MVSZ'],
                      extra='ORIGIN=ANY')

    def ask(text, user, node=None):
        p.messages.clear()
        p.message('SMTP', 'GATE', text, user, **({'from_node': node} if node else {}))
        return p.take_message(lambda m: m['to_user'] == user)['text']
    assert 'done' in ask('DEBUG', 'BOB')
    assert 'not authorised (SMSGAUTHLIST)' in ask('NODEBUG', 'EVE')
    assert 'form is' in ask('STOP', 'BOB') and 'not authorised' in ask('STOP', 'EVE')
    gw.until(lambda: 'event=command-refused' in gw.read_log())


def case_authority_by_the_wrong_link(w):
    """ROOT@MVSZ may do all, but only over the link to MVSZ: whoever claims his name on another is nobody."""
    gw = w.gateway(lines=['SMSGAUTHLIST ROOT@MVSZ ENDSMSGAUTHLIST', 'LOCALUSER OPER'])
    any_, right, strict = w.peer('MVSA'), w.peer('MVSZ'), w.peer('MVSB')
    gw.link('MVSA', any_.listen_at, extra='ORIGIN=ANY').link('MVSZ', right.listen_at).link('MVSB', strict.listen_at)
    gw.start()
    gw.links_up()
    gw.cli('nick', 'add', 'ANNE', 'anne@example.org')
    gw.cli('note', 'CAROL@NOWHERE', '--from', 'OPER', stdin='x\n', status=1)

    def ask(p, to, text):
        right.messages.clear()
        p.message(to, 'GATE', text, 'ROOT', from_node='MVSZ')
        return right.take_message(lambda m: m['to_user'] == 'ROOT')['text']
    for text in ('DEBUG', 'STOP MVSB', 'SHUTDOWN', 'DELETE 1', 'FORCE MVSB'):
        said = ask(any_, 'SMTP', text)
        assert 'not authorised: node MVSZ does not lie behind link MVSA' in said or 'Unknown' in said, said
    for text in ('DENY EVE AT MVSA', 'ALLOW EVE AT MVSA'):
        assert 'not authorised' in ask(any_, 'DIM', text), text
    said = ask(any_, 'DIM', 'DELETE ANNE')
    assert 'anne' in gw.cli('nick', 'list') and ('not' in said.lower() or 'only' in said.lower()), said
    assert any_.up and strict.up and gw.process.poll() is None
    assert 'done' in ask(right, 'SMTP', 'DEBUG')
    assert 'not authorised' not in ask(right, 'DIM', 'DENY EVE AT MVSA')
    assert [r for r in gw.json('access', 'list') if r['user'] == 'EVE']
    strict.message('SMTP', 'GATE', 'SHUTDOWN', 'ROOT', from_node='MVSZ')  # ORIGIN=VERIFY: not even heard
    gw.until(lambda: 'event=message-dropped link=MVSB from=ROOT@MVSZ' in gw.read_log())
    assert gw.process.poll() is None



def case_oper_long_answer(w):
    """HELP is longer than a screen: what is over comes later, in order, to him alone."""
    gw, p, _ = w.pair()
    whole = [ln.strip() for ln in smsg(gw, 'HELP').splitlines()]
    assert len(whole) > 20
    p.message('SMTP', 'GATE', 'HELP', 'BOB')
    got = [p.take_message(lambda m: m['to_user'] == 'BOB')['text'].strip() for _ in range(20)]
    assert all(b.startswith(a[:40]) or a.startswith(b[:40]) for a, b in zip(got, whole)), (got, whole[:20])


def case_clock_and_port(w):
    """A port that is taken, a folder without permission: said plainly, with what and where, and status 1."""
    gw, p, _ = w.pair()
    other = w.gateway('OTHER', lines=[])
    other.lines = [ln if not ln.startswith('LISTENSMTP') else 'LISTENSMTP %s:%d' % gw.smtp for ln in other.lines]
    other.expect_exit = 1
    other.start(wait=False)
    assert other.process.wait(wd.LIMIT) == 1
    assert 'Address already in use' in other.read_log() and str(gw.smtp_port) in other.read_log(), other.read_log()
    third = w.gateway('THIRD', lines=['DATABASE none/such/folder/db'])
    third.expect_exit = 1
    third.start(wait=False)
    assert third.process.wait(wd.LIMIT) == 1
    assert 'none/such/folder' in third.read_log(), third.read_log()
    fourth = w.gateway('FOURTH', lines=['DATABASE ' + os.path.join(gw.dir, 'db')])
    fourth.expect_exit = 1
    fourth.start(wait=False)
    assert fourth.process.wait(wd.LIMIT) == 1
    assert 'in use' in fourth.read_log() or 'another' in fourth.read_log(), fourth.read_log()


def case_database_locked(w):
    """Somebody else holds the database's write lock: mail is put off with 4xx and a word in the log, and goes when he lets go."""
    gw, p, _ = w.pair(['LOCALUSER HUGO'])
    other = sqlite3.connect(os.path.join(gw.dir, 'db'), isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    c = wd.Raw(gw.smtp)
    c.hello()
    c.ask('MAIL FROM:<a@example.org>', 250)
    c.ask('RCPT TO:<hugo@%s>' % gw.fqdn, 250)
    c.ask('DATA', 354)
    c.send('Subject: x\r\n\r\nx\r\n.\r\n')
    assert c.reply()[0] in (451, 452)
    c.close()
    gw.until(lambda: 'event=store' in gw.read_log() and 'another program holds' in gw.read_log())
    gw.cli('status')
    other.execute('ROLLBACK')
    other.close()
    gw.mail('hugo@' + gw.fqdn)
    gw.until(lambda: len(gw.json('reader', 'list')) == 1)
