"""METRICS: the figures, the status page, and what a client may do to their server."""
import fcntl
import http.client
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import termios

import milterd as md
import world as wd


def served(w, lines=(), **more):
    port = w.port()
    gw, p, sink = w.pair(['METRICS %s:%d' % (w.address, port)] + list(lines), **more)
    return gw, p, sink, (w.address, port)


def get(at, path='/', method='GET'):
    c = http.client.HTTPConnection(at[0], at[1], timeout=wd.LIMIT)
    c.request(method, path)
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, dict(r.getheaders()), body


def figures(at):
    """Every line of /metrics, held against the grammar of the exposition format."""
    status, head, text = get(at, '/metrics')
    assert status == 200 and head['Content-Type'].startswith('text/plain; version=0.0.4'), head
    values, types, helped = {}, {}, set()
    for line in text.splitlines():
        if line.startswith('# HELP '):
            helped.add(line.split()[2])
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split()
            assert kind in ('counter', 'gauge', 'histogram') and name not in types and name in helped, line
            types[name] = kind
        else:
            m = re.fullmatch(r'(njegate_[a-z_]+)(\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)*\})? (-?[0-9.e+]+)', line)
            assert m, line
            family = re.sub('_(bucket|sum|count)$', '', m.group(1)) if m.group(1) not in types else m.group(1)
            assert family in types, line
            assert m.group(1) + (m.group(2) or '') not in values, line
            values[m.group(1) + (m.group(2) or '')] = float(m.group(3))
    return values


def case_metrics_figures(w):
    gw, p, sink, at = served(w)
    first = figures(at)
    assert first['njegate_messages_taken_total{door="smtp"}'] == 0
    for _ in range(3):
        gw.mail('bob%mvsa@' + gw.fqdn)
        p.take_file()
    gw.empty()
    gw.cli('link', 'stop', 'MVSA')
    gw.mail('bob%mvsa@' + gw.fqdn)
    v = figures(at)
    assert v['njegate_messages_taken_total{door="smtp"}'] == 4, v
    assert v['njegate_recipients_delivered_total{door="nje"}'] == 3, v
    assert v['njegate_delivery_delay_seconds_count'] == 3 == v['njegate_delivery_delay_seconds_bucket{le="+Inf"}'], v
    assert v['njegate_queue_messages'] == 1 == v['njegate_queue_recipients{destination="MVSA"}'], v
    assert v['njegate_link_up{link="MVSA",node="MVSA"}'] == 0, v
    assert v['njegate_link_files_out_total{link="MVSA",node="MVSA"}'] == 3, v
    assert v['njegate_disk_free_bytes'] > 0 and v['njegate_database_bytes'] > 0, v


def case_metrics_of_filters(w):
    """What each filter did, and whether it is there."""
    f = md.Filter((w.address, w.port()))
    w.others.append(f.stop)
    f.on('R', lambda session, data: [md.packet(md.REJECT)] if b'bad' in data else None)
    gw, p, _, at = served(w, ['MILTER %s SMTP' % f.where, 'MILTER unix:/nonexistent/x SMTP ABSENT=ACCEPT'])
    for _ in range(2):
        gw.mail('bob%mvsa@' + gw.fqdn)
        p.take_file()
    with gw.client() as c:
        c.ehlo()
        c.mail('steve@example.org')
        assert c.rcpt('bad%mvsa@' + gw.fqdn)[0] == 550
    v = figures(at)
    there, absent = '{filter="%s"}' % f.where, '{filter="unix:/nonexistent/x"}'
    assert v['njegate_filter_mails_total' + there] == 2 and v['njegate_filter_mails_total' + absent] == 0, v
    assert v['njegate_filter_refused_total' + there] == 1, v
    assert v['njegate_filter_up' + there] == 1 and v['njegate_filter_up' + absent] == 0, v
    assert v['njegate_filter_failed_total' + there] == 0 < v['njegate_filter_failed_total' + absent], v
    assert v['njegate_filter_wait_seconds_total' + there] >= 0, v


def case_metrics_server(w):
    """GET and HEAD of two pages; anything else is refused; bounded in bytes, clients and time; the loop never waits."""
    gw, p, _, at = served(w)
    assert get(at)[0] == 200 and get(at, '/?x=1')[0] == 200 and get(at, '/other')[0] == 404
    status, head, body = get(at, '/', 'HEAD')
    assert status == 200 and body == '' and int(head['Content-Length']) > 1000, head
    assert "default-src 'none'" in head['Content-Security-Policy'] and head['Cache-Control'] == 'no-store', head
    status, head, _ = get(at, '/', 'POST')
    assert status == 405 and head['Allow'] == 'GET, HEAD', head
    for raw, code in ((b'GET /metrics HTTP/1.1\nHost: x\n\n', b' 200 '), (b'GET / HTTP/2.0\r\n\r\n', b' 505 '),
                      (b'\r\n\r\n', b' 400 '), (b'GET  /\r\n\r\n', b' 400 '), (b'GET / HTTP/1.1 x\r\n\r\n', b' 400 '),
                      (b'EHLO x\r\n\r\n', b' 400 '), (b'G' * 9000, b' 431 ')):
        with socket.create_connection(at, timeout=wd.LIMIT) as s:
            s.sendall(raw)
            got = s.recv(200)
            assert got.startswith(b'HTTP/1.1' + code), (raw[:40], got)
    slow = [socket.create_connection(at, timeout=wd.LIMIT) for _ in range(40)]
    for s in slow:
        try:
            s.sendall(b'GET / HT')
        except OSError:
            pass  # one of those over the limit
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    slow[0].close()
    slow[1].close()
    gw.until(lambda: works(at))
    for s in slow:
        s.close()


def works(at):
    try:
        return get(at)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def busy(w):
    gw, p, sink, at = served(w, ['LINKDEFINE DOWN TYPE TCPNJE NODE DOWN', 'ROUTE FAR TO DOWN'])
    for i in range(5):
        gw.mail('bob%mvsa@' + gw.fqdn, subject='n%d' % i)
        p.take_file()
    gw.mail('ann%far@' + gw.fqdn, subject='<script>alert(1)</script>')
    gw.until(lambda: gw.json('queue', 'list'))
    return gw, at


def case_status_page(w):
    """The page alone: nothing from elsewhere, no scripts, well-formed charts, text of others escaped."""
    gw, at = busy(w)
    _, _, page = get(at)
    assert '<script' not in page and 'http://' not in page and 'https://' not in page and 'src=' not in page, page
    assert page.count('<svg') == 2 == page.count('</svg>') and page.count('<polyline') == 3, page
    for point in re.findall(r'points="([^"]*)"', page):
        for pair in point.split():
            x, y = map(float, pair.split(','))
            assert 0 <= x <= 560 and 0 <= y <= 120, point
    wide = re.findall(r'minmax\(([^,]*)', page)
    assert wide and all(m.startswith('min(') for m in wide), 'wider than a narrow window: %s' % wide
    for words in ('Mails a minute', 'In the queue', 'MVSA', 'DOWN', 'FAR', 'delay, half of the mails'):
        assert words in page, words


def case_status_page_in_a_browser(w):
    """A real browser renders it without a complaint."""
    browser = next((b for b in map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome')) if b), None)
    if browser is None:
        raise wd.Skip('no chromium')
    gw, at = busy(w)
    shot, home = os.path.join(w.dir, 'page.png'), os.path.join(w.dir, 'home')
    base = [browser, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--enable-logging=stderr',
            '--user-data-dir=' + home, '--window-size=1200,1000', '--hide-scrollbars', '--no-first-run']
    url = 'http://%s:%d/' % at
    env = dict(os.environ, HOME=w.dir)
    dom = subprocess.run(base + ['--dump-dom', url], capture_output=True, text=True, timeout=100, env=env)
    assert 'njegate at GATE' in dom.stdout and dom.stdout.count('<polyline') == 3, dom.stdout[:2000] + dom.stderr[-2000:]
    assert 'CONSOLE' not in dom.stderr, dom.stderr
    subprocess.run(base + ['--screenshot=' + shot, url], capture_output=True, timeout=100, env=env, check=True)
    assert os.path.getsize(shot) > 20000
    if os.environ.get('NJEGATE_SHOT'):
        shutil.copy(shot, os.environ['NJEGATE_SHOT'])


case_status_page_in_a_browser.limit = 240


def case_status_watch(w):
    """njegate status --watch shows one screen after the other until the daemon goes."""
    gw, p, _ = w.pair()
    env = dict(gw.env)
    watch = subprocess.Popen([wd.program('njegate'), '-c', gw.conf, 'status', '--watch'], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=env)
    seen = 0
    for line in watch.stdout:
        seen += line.startswith('up seconds')
        if seen == 2:
            break
    assert seen == 2
    gw.stop()
    rest, error = watch.communicate(timeout=wd.LIMIT)
    assert watch.returncode == 3 and 'does not answer' in error, (watch.returncode, error)


def on_terminal(gw, columns, rows, *words, screens=1):
    """What a terminal of that size is sent: the screens, cleared between, each its lines."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    p = subprocess.Popen([wd.program('njegate'), '-c', gw.conf] + list(words), stdin=slave, stdout=slave, stderr=slave,
                         env=gw.env)
    os.close(slave)
    got = b''
    while got.count(b'\x1b[H\x1b[2J') <= screens:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end has gone
            break
        if not piece:
            break
        got += piece
    p.terminate()
    p.wait(wd.LIMIT)
    os.close(master)
    return [[ln.rstrip('\r') for ln in s.split('\n')[:-1]] for s in got.decode().split('\x1b[H\x1b[2J') if s]


def case_status_on_a_narrow_terminal(w):
    """80 and 40 columns, and 24 wide: no line is longer than the terminal, and nothing is lost; watched, no more lines than
    it has."""
    gw, _ = busy(w)
    for columns in (80, 40, 24):
        screen = on_terminal(gw, columns, 24, 'status')[0]
        assert len(screen) > 10 and max(map(len, screen)) <= columns, (columns, screen)
        text = ''.join(''.join(screen).split())
        for key, value in gw.json('status').items():
            if key.startswith(('last', 'queue', 'link', 'node', 'host')) and 'again in' not in value:
                assert ''.join((key + value).split()) in text, (columns, key, value, screen)
        for rows in (24, 10):
            screens = on_terminal(gw, columns, rows, 'status', '--watch', screens=2)
            assert len(screens) >= 2, screens
            for s in screens[:2]:
                assert len(s) < rows and max(map(len, s)) <= columns, (columns, rows, s)
            assert 'more lines' in screens[0][-1] or len(screens[0]) == len(screen), (screens[0], screen)


def case_status_screen(w):
    """One screen: links, queues by destination, hosts, rates, delays, last troubles, disk."""
    gw, p, sink = w.pair(['RETRYINT 1'])
    gw.mail('bob%mvsa@' + gw.fqdn)
    p.take_file()
    gw.cli('link', 'stop', 'MVSA')
    gw.mail('bob%mvsa@' + gw.fqdn)
    gw.lines += ['LOCALUSER HUGO', 'DESTINATION dead.example %s:9' % w.address]
    gw.write()
    gw.hup()
    gw.until(lambda: 'event=reload result=done' in gw.read_log())
    gw.cli('note', 'x@dead.example', '--from', 'HUGO', stdin='Hello\n')
    s = gw.until(lambda: gw.json('status') if 'last 1' in gw.json('status') else None)
    assert s['queued'] == '2' and s['queue MVSA'] == '1 waiting' == s['queue dead.example'], s
    assert 'put off' in s['last 1'] and 'x@dead.example' in s['last 1'], s
    assert ' taken, 1 delivered' in s['rate'] and 'MiB free' in s['disk'] and 'half within' in s['delay'], s
    assert any(k.startswith('host @') and 'again in' in v for k, v in s.items()), s
    assert len(gw.cli('status').splitlines()) <= 24, 'more than a screen'
    assert '2 mails queued' in gw.cli('smsg', 'QUEUES')
