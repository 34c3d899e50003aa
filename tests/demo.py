#!/usr/bin/python3
"""make demo: two nodes on loopback, mail crossing both ways, shown as its readers see it.

SMTPGATE is the gateway; VMHOST is a second njegate that plays the neighbour with a user at a 3270.
"""
import os, shutil, signal, smtplib, socket, socketserver, subprocess, sys, tempfile, threading, time
from email.message import EmailMessage

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get('BUILD', 'build'))
LIMIT = 40  # seconds any step may take


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Sink(socketserver.StreamRequestHandler):
    """The Internet's side: an SMTP server that keeps what it is given."""
    got = []
    arrived = threading.Event()

    def handle(self):
        def say(line):
            self.wfile.write(line.encode() + b'\r\n')
        say('220 mail.example ESMTP')
        sender = rcpt = None
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b'EHLO':
                say('250 mail.example')
            elif verb == b'MAIL':
                sender = line.split(b':', 1)[1].strip().decode()
                say('250 ok')
            elif verb == b'RCPT':
                rcpt = line.split(b':', 1)[1].strip().decode()
                say('250 ok')
            elif verb == b'DATA':
                say('354 go on')
                text = []
                for body in self.rfile:
                    if body == b'.\r\n':
                        break
                    text.append(body.decode('utf-8', 'replace').rstrip('\r\n'))
                Sink.got.append((sender, rcpt, text))
                Sink.arrived.set()
                say('250 taken')
            elif verb == b'QUIT':
                say('221 bye')
                return
            else:
                say('250 ok')


class Node:
    def __init__(self, folder, name, text):
        self.folder, self.name = os.path.join(folder, name), name
        os.makedirs(self.folder)
        self.conf = os.path.join(self.folder, 'njegate.conf')
        with open(self.conf, 'w') as f:
            f.write(text + 'DATABASE njegate.db\nCONTROL control\n')
        self.log = open(os.path.join(self.folder, 'log'), 'w')
        self.daemon = subprocess.Popen([os.path.join(BUILD, 'njegated'), '-c', self.conf], stderr=self.log)

    def run(self, *words, text=None):
        r = subprocess.run([os.path.join(BUILD, 'njegate'), '-c', self.conf, *words], input=text,
                           capture_output=True, text=True, timeout=LIMIT)
        return r.returncode, r.stdout, r.stderr

    def wait(self, what, *words, until=lambda out: out != ''):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            status, out, _ = self.run(*words)
            if status == 0 and until(out):
                return out
            if self.daemon.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f'demo: {what} did not happen; {self.name} says:\n' + open(self.log.name).read())

    def stop(self):
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        self.log.close()
        return self.daemon.returncode


def say(text=''):
    print(text, flush=True)


def show(title, lines):
    say(f'   +-- {title} ' + '-' * max(3, 88 - len(title)))
    for line in lines:
        say('   | ' + line)
    say('   +' + '-' * 92)


def story(gate, host, smtp_port):
    gate.wait('the link', 'link', 'list', until=lambda out: ' up ' in out)
    say('1. Two nodes are up and have signed on to each other over NJE/TCP:')
    show('njegate link list, at the gateway', gate.run('link', 'list')[1].splitlines())

    say('\n2. Ann, on the Internet, writes to HAYES at the node VMHOST:')
    mail = EmailMessage()
    mail['From'] = 'Ann Otter <ann@mail.example>'
    mail['To'] = 'Steve Hayes <hayes%vmhost@gw.example>'
    mail['Subject'] = 'Lunch on Friday?'
    mail['Date'] = time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())
    mail['Message-ID'] = '<demo.1@mail.example>'
    mail.set_content('Dear Steve,\n\nthe caf\u00e9 by the river is open again \u2013 shall we meet at noon?\n\nAnn\n')
    with smtplib.SMTP('127.0.0.1', smtp_port, timeout=LIMIT) as s:
        s.send_message(mail, 'ann@mail.example', ['hayes%vmhost@gw.example'])
    show('the mail Ann sent by SMTP', mail.as_string().splitlines())
    listing = host.wait('the note', 'reader', 'list', 'HAYES', until=lambda out: 'NOTE' in out)
    number = listing.splitlines()[1].split()[0]
    show("HAYES's reader at VMHOST", listing.splitlines())
    show('the note as HAYES sees it on his 3270', host.run('reader', 'show', number)[1].splitlines())

    nick = next(l for l in host.run('reader', 'show', number)[1].splitlines() if l.startswith('From:')).split()[-3]
    say(f'\n3. Ann had no nickname; the gateway gave her {nick}, so HAYES answers to "{nick} at SMTPGATE":')
    status, _, err = host.run('note', f'{nick}@SMTPGATE', '--from', 'HAYES', '--subject', 'Re: Lunch on Friday?',
                              text='Dear Ann,\n\nnoon it is.\n\nSteve\n')
    if status != 0:
        raise SystemExit('demo: the note was refused: ' + err)
    if not Sink.arrived.wait(LIMIT):
        raise SystemExit('demo: the answer did not arrive; the gateway says:\n' + open(gate.log.name).read())
    sender, rcpt, text = Sink.got[0]
    show(f'the answer as it arrived by SMTP: MAIL FROM:{sender} RCPT TO:{rcpt}', text)

    say('\n4. What the gateway remembers of both (njegate trace):')
    trace = gate.wait('the journal', 'trace', 'ann@mail.example', until=lambda out: out.count('delivered') >= 2)
    show('trace ann@mail.example', trace.splitlines())


def main():
    folder = tempfile.mkdtemp(prefix='njegate-demo-')
    smtp, nje, sink = free_port(), free_port(), None
    nodes = []
    try:
        server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Sink)
        server.daemon_threads = True
        sink = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        say('njegate demo: the gateway SMTPGATE and the neighbour VMHOST, each with its own SQLite database,')
        say(f'in {folder}\n')
        gate = Node(folder, 'smtpgate', f'''
LOCAL SMTPGATE
HOSTNAME gw.example
GATEWAY
LISTENSMTP 127.0.0.1:{smtp}
LISTENNJE 127.0.0.1:{nje}
LINKDEFINE VMHOST TYPE TCPNJE NODE VMHOST
DESTINATION mail.example 127.0.0.1:{sink}
''')
        nodes.append(gate)
        host = Node(folder, 'vmhost', f'''
LOCAL VMHOST
HOSTNAME vmhost.example
LOCALUSER HAYES
LINKDEFINE SMTPGATE TYPE TCPNJE NODE SMTPGATE AST
PARM SMTPGATE HOST=127.0.0.1 PORT={nje} RETRY=1
''')
        nodes.append(host)
        story(gate, host, smtp)
        say('\n5. Both nodes are told to stop:')
        codes = [n.stop() for n in nodes]
        show('exit status', [f'{n.name}: {c}' for n, c in zip(nodes, codes)])
        server.shutdown()
        if any(codes):
            return 1
        say('\nDone. A first configuration of your own: README.md.')
        return 0
    finally:
        for n in nodes:
            n.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
