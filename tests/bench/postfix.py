"""A private Postfix beside us: unpacked under build/pkg, its queue and configuration under build/bench,
loopback ports, users that every Debian has. Needs root (its master does), changes nothing of the system."""
import os
import shutil
import signal
import socket
import subprocess
import time

import pkgs

MASTER = '''smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
'''
# Debian's postfix and postdrop users are not there without an installation: three of the base system's
# that nothing else here uses; they must differ from each other.
OWNER, GROUP, PRIVS = 'uucp', 'games', 'nobody'


class Postfix:
    def __init__(self, folder, port, sink_port, preload=None):
        self.root = pkgs.unpack()
        if self.root is None:
            raise RuntimeError('the postfix package cannot be had')
        if os.geteuid():
            raise RuntimeError('Postfix needs root')
        self.dir, self.port, self.sink_port = folder, port, sink_port
        self.conf, self.queue, self.data = (os.path.join(folder, d) for d in ('conf', 'queue', 'data'))
        self.env = dict(pkgs.postfix_env(self.root), MAIL_CONFIG=self.conf, TZ='UTC', **(preload or {}))
        self._write()
        self.process = None

    def _write(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        for d in (self.conf, self.queue, self.data):
            os.makedirs(d)
        daemon = os.path.join(self.root, 'usr/lib/postfix/sbin')
        main = {
            'compatibility_level': '3.6', 'queue_directory': self.queue, 'data_directory': self.data,
            'daemon_directory': daemon, 'command_directory': os.path.join(self.root, 'usr/sbin'),
            'mail_owner': OWNER, 'setgid_group': GROUP, 'default_privs': PRIVS, 'myhostname': 'bench.test',
            'mydestination': '', 'mynetworks': '127.0.0.0/8', 'inet_interfaces': '127.0.0.1',
            'inet_protocols': 'ipv4', 'relayhost': '[127.0.0.1]:%d' % self.sink_port, 'alias_maps': '',
            'alias_database': '', 'local_recipient_maps': '', 'smtp_host_lookup': 'native',
            'disable_dns_lookups': 'yes', 'smtpd_peername_lookup': 'no', 'in_flow_delay': '0',
            'smtpd_client_connection_count_limit': '0', 'smtpd_client_connection_rate_limit': '0',
            'smtpd_recipient_restrictions': 'permit_mynetworks,reject', 'biff': 'no',
            'import_environment': 'MAIL_CONFIG TZ LD_LIBRARY_PATH LD_PRELOAD SLOWSYNC_US',
            'export_environment': 'TZ LD_LIBRARY_PATH LD_PRELOAD SLOWSYNC_US'}
        with open(os.path.join(self.conf, 'main.cf'), 'w', encoding='utf-8') as f:
            f.writelines('%s = %s\n' % kv for kv in main.items())
        with open(os.path.join(self.conf, 'master.cf'), 'w', encoding='utf-8') as f:
            f.write(MASTER.replace('smtp inet', '127.0.0.1:%d inet' % self.port, 1))
        for d in ('active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'saved',
                  'trace', 'private'):
            self._own(os.path.join(self.queue, d), 0o700)
        self._own(os.path.join(self.queue, 'maildrop'), 0o730, GROUP)
        self._own(os.path.join(self.queue, 'public'), 0o710, GROUP)
        os.makedirs(os.path.join(self.queue, 'pid'))
        self._own(self.data, 0o700)

    @staticmethod
    def _own(path, mode, group=None):
        os.makedirs(path, exist_ok=True)
        shutil.chown(path, OWNER, group)
        os.chmod(path, mode)

    def start(self):
        master = os.path.join(self.root, 'usr/lib/postfix/sbin/master')
        self.log = open(os.path.join(self.dir, 'log'), 'wb')
        self.process = subprocess.Popen([master, '-c', self.conf, '-d'], env=self.env, stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        wait_port(('127.0.0.1', self.port), self.process)
        return self

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                self.process.kill()
            self.log.close()
            self.process = None

    @property
    def pid(self):
        return self.process.pid


def wait_port(address, process=None, limit=20):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError('%s ended with status %d at start' % (process.args[0], process.returncode))
        try:
            socket.create_connection(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError('nothing listens on %s:%d' % address)
