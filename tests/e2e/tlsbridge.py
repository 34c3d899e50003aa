"""An NJE peer behind OpenSSL's own programs: what it says in the clear goes within TLS, and back."""
import socket
import subprocess
import threading


class Bridge:
    """`openssl s_client` or `s_server` with a plain socket in place of its terminal."""

    def __init__(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                        stderr=subprocess.DEVNULL)
        self.sock = None

    def join(self, sock):
        self.sock = sock
        for work in (self._out, self._in):
            threading.Thread(target=work, daemon=True).start()

    def _out(self):
        try:
            while data := self.sock.recv(65536):
                self.process.stdin.write(data)
        except OSError:
            pass
        self.stop()

    def _in(self):
        while data := self.process.stdout.read(65536):
            try:
                self.sock.sendall(data)
            except OSError:
                break
        self.stop()

    def stop(self):
        self.process.kill()
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass


def client(w, to, cert, mine=()):
    """An address: who connects there is carried to `to` by s_client."""
    listener = socket.create_server((w.address, 0))

    def serve():
        try:
            while True:
                sock = listener.accept()[0]
                b = Bridge(['openssl', 's_client', '-quiet', '-connect', '%s:%d' % to, '-CAfile', cert,
                            '-verify_return_error', '-verify_ip', to[0], *mine])
                w.others.append(b.stop)
                b.join(sock)
        except OSError:
            pass  # closed: the case is over
    threading.Thread(target=serve, daemon=True).start()
    w.others.append(listener.close)
    return listener.getsockname()


def server(w, to, cert, key, more=()):
    """An address where s_server takes one connection, which is carried to `to` when its first bytes come."""
    port = w.port()
    b = Bridge(['openssl', 's_server', '-quiet', '-accept', '%s:%d' % (w.address, port), '-cert', cert, '-key', key,
                '-naccept', '1', *more])
    w.others.append(b.stop)

    def first():
        data = b.process.stdout.read(65536)
        if data:
            sock = socket.create_connection(to)
            sock.sendall(data)
            b.join(sock)
    threading.Thread(target=first, daemon=True).start()
    return w.address, port
