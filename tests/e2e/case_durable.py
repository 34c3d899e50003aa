"""What was accepted is delivered or returned, whatever is killed in between."""
import os
import shutil
import subprocess
import threading

import njefile
import world as wd


def case_kill_after_250(w):
    """kill -9 after the last 250; started again, all is delivered, each once."""
    gw, p, _ = w.pair()
    p.policy = lambda rcb: 'ignore'
    for i in range(25):
        gw.mail('bob%mvsa@' + gw.fqdn, 'number %d\r\n' % i)
    gw.kill()
    p.policy = lambda rcb: 'permit'
    gw.start()
    seen = sorted(int(p.take_file().lines()[-1].split()[1]) for _ in range(25))
    assert seen == list(range(25)), seen
    gw.empty()
    assert not p.files


def case_kill_after_complete(w):
    """kill -9 after X'C0': the mail still goes out, once."""
    gw, p, sink = w.pair()
    sink.on('GREETING', '421 4.3.2 not now')
    for i in range(10):
        assert p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
            'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: n%d' % i, '',
            'x', '.', 'QUIT'])).wait() == 'taken'
    gw.kill()
    sink.on('GREETING', None)
    gw.start()
    gw.cli('queue', 'retry')
    got = sorted(sink.take().mail['Subject'] for _ in range(10))
    assert got == ['n%d' % i for i in range(10)], got
    gw.empty()
    assert not sink.messages


def case_kill_in_the_rush(w):
    """kill -9 three times while clients send: every acknowledged message arrives."""
    gw, p, _ = w.pair()
    acknowledged, stop, lock = set(), threading.Event(), threading.Lock()

    def client(n):
        i = 0
        while not stop.is_set():
            i += 1
            key = 'm%d-%d' % (n, i)
            try:
                gw.mail('bob%mvsa@' + gw.fqdn, key + '\r\n')
                with lock:
                    acknowledged.add(key)
            except (OSError, AssertionError, wd.smtplib.SMTPException):
                stop.wait(0.05)
    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for target in (15, 30, 45):
        gw.until(lambda: len(acknowledged) >= target)
        gw.kill()
        gw.start()
    stop.set()
    for t in threads:
        t.join(40)
    p.until(lambda: acknowledged <= {f.lines()[-1] for f in p.files}, 40, 'all acknowledged messages')
    gw.empty()


case_kill_in_the_rush.limit = 150


def case_sigterm_keeps_queue(w):
    gw, p, _ = w.pair()
    p.policy = lambda rcb: 'ignore'
    ident = gw.mail('bob%mvsa@' + gw.fqdn)
    gw.stop()
    p.policy = lambda rcb: 'permit'
    gw.start()
    p.take_file()
    assert ident in gw.cli('trace', ident)


def mount(image, folder):
    os.makedirs(folder, exist_ok=True)
    r = subprocess.run(['mount', '-o', 'loop,commit=300', image, folder], capture_output=True, text=True)
    if r.returncode:
        raise wd.Skip('no loop mounts here: ' + r.stderr.strip())


def unmount(folder):
    subprocess.run(['umount', '-l', folder], capture_output=True)


def power_cut(w, send):
    """Queue on ext4 in a file; send() returns what was acknowledged; then only what had reached the disk is left."""
    if os.geteuid() or not shutil.which('mkfs.ext4'):
        raise wd.Skip('needs root and mkfs.ext4')
    image, copy = os.path.join(w.dir, 'disk.img'), os.path.join(w.dir, 'after.img')
    with open(image, 'wb') as f:
        f.truncate(256 << 20)
    wd.run(['mkfs.ext4', '-q', '-F', image])
    disk = os.path.join(w.dir, 'disk')
    mount(image, disk)
    try:
        gw = w.gateway(lines=['DATABASE %s/db' % disk, 'MINFREE 0'])
        gw.lines.remove('DATABASE db')
        sink = w.sink()
        gw.lines.append('DESTINATION example.org ' + sink.where)
        p = w.peer()
        p.policy = lambda rcb: 'ignore' if send is mails else 'permit'
        sink.on('GREETING', '421 4.3.2 not now')
        gw.link('MVSA', p.listen_at).start()
        p.wait_up()
        acknowledged = send(gw, p)
        shutil.copyfile(image, copy)  # the block device's file: what the disk had at this moment
        gw.kill()
    finally:
        unmount(disk)
    mount(copy, disk)
    try:
        p.policy = lambda rcb: 'permit'
        sink.on('GREETING', None)
        gw.start()
        gw.cli('queue', 'retry')
        if send is mails:
            p.until(lambda: acknowledged <= {f.lines()[-1] for f in p.files}, 40, 'all acknowledged messages')
        else:
            sink.until(lambda: acknowledged <= {m.mail['Subject'] for m in sink.messages}, 40, 'all acknowledged files')
        gw.empty()
        gw.stop()
    finally:
        unmount(disk)


def mails(gw, p):
    big = 'z' * 70 + '\r\n'
    keys = {'key%d' % i for i in range(60)}
    for i, key in enumerate(sorted(keys)):
        gw.mail('bob%mvsa@' + gw.fqdn, (big * 6000 if i % 20 == 0 else '') + key + '\r\n')
    return keys


def files(gw, p):
    keys = {'key%d' % i for i in range(60)}
    for key in keys:
        assert p.send(njefile.bsmtp('BOB', 'MVSA', 'SMTP', 'GATE', [
            'HELO MVSA', 'MAIL FROM:<BOB@MVSA>', 'RCPT TO:<steve@example.org>', 'DATA', 'Subject: ' + key, '',
            'x', '.', 'QUIT'])).wait() == 'taken'
    return keys


def case_power_cut_smtp(w):
    power_cut(w, mails)


def case_power_cut_nje(w):
    power_cut(w, files)


case_power_cut_smtp.limit = case_power_cut_nje.limit = 150


def case_disk_full(w):
    """No space: 4xx to the client, nothing lost, and mail flows again when there is room."""
    if os.geteuid():
        raise wd.Skip('needs root')
    disk = os.path.join(w.dir, 'small')
    os.mkdir(disk)
    r = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=12m', 'none', disk], capture_output=True, text=True)
    if r.returncode:
        raise wd.Skip('no tmpfs mount: ' + r.stderr)
    try:
        gw = w.gateway(lines=['DATABASE %s/db' % disk])
        gw.lines.remove('DATABASE db')
        p = w.peer()
        gw.link('MVSA', p.listen_at).start()
        p.wait_up()
        p.policy = lambda rcb: 'ignore'
        kept, refused = 0, None
        for i in range(40):
            with gw.client() as c:
                c.ehlo()
                code = c.mail('steve@example.org')[0]
                if code == 250:
                    c.rcpt('bob%mvsa@' + gw.fqdn)
                    code, text = c.data(('z' * 70 + '\r\n') * 14000)
            if code != 250:
                refused = code
                break
            kept += 1
        assert refused and 400 <= refused < 500, (kept, refused)
        p.policy = lambda rcb: 'permit'
        p.cut()
        p.until(lambda: len(p.files) >= kept, 40, '%d files' % kept)
        gw.empty()
        gw.mail('bob%mvsa@' + gw.fqdn)
        gw.stop()
    finally:
        unmount(disk)


case_disk_full.limit = 120
