#!/usr/bin/python3
"""Write docs/SMTP-CONFIG.md: what each statement of the VM and MVS SMTP configuration file does here.

    smtpconfig.py NJEGATE > docs/SMTP-CONFIG.md

The statements, their usual spelling and IBM's defaults are listed here; what becomes of them is asked of the program,
which answers from gateway/config/conf.def. tests/e2e/case_config.py goes through the same list: each example must do what
the column says, and the page must be the one this program writes."""
import json
import subprocess
import sys

HONOURED, MAPPED, WARNED = 'honoured', 'mapped', 'accepted, says why it has no effect'
# (statement, example, IBM's default, fate, what `njegate config show` then shows, or None)
STATEMENTS = [
    ('ALTNJEDOMAIN', 'ALTNJEDOMAIN old.net', '', HONOURED, 'ALTRSCSDOMAIN old.net'),
    ('ALTRSCSDOMAIN', 'ALTRSCSDOMAIN old.net', '', HONOURED, 'ALTRSCSDOMAIN old.net'),
    ('ALTTCPHOSTNAME', 'ALTTCPHOSTNAME other.example.com', '', HONOURED, 'ALTTCPHOSTNAME other.example.com'),
    ('ATSIGN', 'ATSIGN !', '@', HONOURED, 'ATSIGN !'),
    ('BADSPOOLFILEID', 'BADSPOOLFILEID TCPMAINT', 'TCPMAINT', HONOURED, 'BADSPOOLFILEID TCPMAINT'),
    ('CHECKSPOOLSIZE', 'CHECKSPOOLSIZE', 'off', WARNED, None),
    ('DBCS', 'DBCS SJISKANJI', '', MAPPED, 'CODEPAGE 939'),
    ('DEBUG', 'DEBUG', 'off', HONOURED, 'DEBUG'),
    ('DELETEBADSPOOLFILE', 'DELETEBADSPOOLFILE', 'off', WARNED, None),
    ('DISALLOWCMD', 'DISALLOWCMD 12', '0', HONOURED, 'DISALLOWCMD 12'),
    ('EXITDIRECTION', 'EXITDIRECTION FROMTCP SAFNO', 'TCP only', MAPPED, 'EXITDIRECTION FROMTCP'),
    ('FINISHOPEN', 'FINISHOPEN 120', '120', HONOURED, 'FINISHOPEN 120'),
    ('GATEWAY', 'GATEWAY', 'off', HONOURED, 'GATEWAY'),
    ('INACTIVE', 'INACTIVE 180', '180', HONOURED, 'INACTIVE 180'),
    ('INBOUNDOPENLIMIT', 'INBOUNDOPENLIMIT 256', '256', HONOURED, 'INBOUNDOPENLIMIT 256'),
    ('IPMAILERADDRESS', 'IPMAILERADDRESS 192.0.2.25', '', HONOURED, 'SMARTHOST 192.0.2.25:25 '),
    ('IPMAILERNAME', 'IPMAILERNAME relay.example.com ALL', '', HONOURED, 'SMARTHOST relay.example.com:25 '),
    ('LISTENONADDRESS', 'LISTENONADDRESS 192.0.2.1', 'any', HONOURED, 'LISTENSMTP 192.0.2.1:25'),
    ('LOCALCLASS', 'LOCALCLASS B', 'B', HONOURED, 'LOCALCLASS B'),
    ('LOCALFORMAT', 'LOCALFORMAT PUNCH', 'NETDATA', HONOURED, 'LOCALFORMAT PUNCH'),
    ('LOG', 'LOG', 'LOG', HONOURED, None),
    ('NOLOG', 'NOLOG', 'LOG', HONOURED, 'NOLOG'),
    ('MAILER', 'MAILER XMAILER PUNCH NOSOURCEROUTE LOCAL RSCS NOUNKNOWN', '', HONOURED,
     'MAILER XMAILER@VM1 PUNCH LOCAL RSCS'),
    ('MAILFILEDSPREFIX', 'MAILFILEDSPREFIX SMTP', '', WARNED, None),
    ('MAILFILESUNIT', 'MAILFILESUNIT SYSDA', '', WARNED, None),
    ('MAILFILEUNIT', 'MAILFILEUNIT SYSDA', '', WARNED, None),
    ('MAILFILEVOLUME', 'MAILFILEVOLUME VOL001', '', WARNED, None),
    ('MAILHOPCOUNT', 'MAILHOPCOUNT 10', '10', HONOURED, 'MAILHOPCOUNT 10'),
    ('MAXCONNPERSITE', 'MAXCONNPERSITE 5', '5', HONOURED, 'MAXCONNPERSITE 5'),
    ('MAXMAILBYTES', 'MAXMAILBYTES 524288', '524288', HONOURED, 'MAXMAILBYTES 524288'),
    ('FILESPERCONN', 'FILESPERCONN 1000', '1000', WARNED, None),
    ('FILESPERINTERVAL', 'FILESPERINTERVAL 20', '20', WARNED, None),
    ('8BITMIME', '8BITMIME STANDARD', 'off', WARNED, None),
    ('NJECLASS', 'NJECLASS B', 'B', HONOURED, 'RSCSCLASS B'),
    ('RSCSCLASS', 'RSCSCLASS B', 'B', HONOURED, 'RSCSCLASS B'),
    ('NJEDOMAIN', 'NJEDOMAIN vnet.example', '', HONOURED, 'RSCSDOMAIN vnet.example'),
    ('RSCSDOMAIN', 'RSCSDOMAIN vnet.example', '', HONOURED, 'RSCSDOMAIN vnet.example'),
    ('NJEFORMAT', 'NJEFORMAT PUNCH', 'NETDATA', HONOURED, 'RSCSFORMAT PUNCH'),
    ('RSCSFORMAT', 'RSCSFORMAT PUNCH', 'NETDATA', HONOURED, 'RSCSFORMAT PUNCH'),
    ('NJENODENAME', 'NJENODENAME VM2', 'from JES', HONOURED, 'LOCAL VM2'),
    ('ONDISKFULL', 'ONDISKFULL OPERATOR', '', WARNED, None),
    ('OUTBOUNDOPENLIMIT', 'OUTBOUNDOPENLIMIT 30', '30', HONOURED, 'OUTBOUNDOPENLIMIT 30'),
    ('PORT', 'PORT 2525', '25', HONOURED, 'LISTENSMTP 0.0.0.0:2525'),
    ('POSTMASTER', 'POSTMASTER TCPMAINT', 'TCPMAINT', HONOURED, 'POSTMASTER TCPMAINT'),
    ('RCPTRESPONSEDELAY', 'RCPTRESPONSEDELAY 60', '60', WARNED, None),
    ('RESOLVERRETRYINT', 'RESOLVERRETRYINT 20', '20', HONOURED, 'RESOLVERRETRYINT 20'),
    ('RESOLVERUSAGE', 'RESOLVERUSAGE NO\nIPMAILERADDRESS 192.0.2.25', 'YES', HONOURED, 'RESOLVERUSAGE NO'),
    ('RESTRICT', 'RESTRICT RETURN\n  EVIL@VMX ; known\n  *@VMY\nENDRESTRICT', '', HONOURED,
     'RESTRICT RETURN EVIL@VMX ENDRESTRICT'),
    ('RETRYAGE', 'RETRYAGE 3', '3', HONOURED, 'RETRYAGE 3'),
    ('RETRYINT', 'RETRYINT 20', '20', HONOURED, 'RETRYINT 20'),
    ('REWRITE822HEADER', 'REWRITE822HEADER YES NOPRINT', 'YES NOPRINT', HONOURED, 'REWRITE822HEADER YES'),
    ('SECURE', 'GATEWAY\nSECURE', 'off', HONOURED, 'SECURE'),
    ('SMSGAUTHLIST', 'SMSGAUTHLIST\n  OPERATOR TCPMAINT\nENDSMSGAUTHLIST', '', HONOURED,
     'SMSGAUTHLIST OPERATOR TCPMAINT ENDSMSGAUTHLIST'),
    ('SMTPCMDS', 'SMTPCMDS NO', 'NO', WARNED, None),
    ('FORWARDMAIL', 'FORWARDMAIL YES', 'YES', WARNED, None),
    ('VERIFYCLIENT', 'VERIFYCLIENT YES', 'NO', HONOURED, 'VERIFYCLIENT YES'),
    ('SMTPSERVERID', 'SMTPSERVERID SMTP', 'SMTP', WARNED, None),
    ('SOURCEROUTES', 'SOURCEROUTES YES', 'YES', HONOURED, 'SOURCEROUTES YES'),
    ('SPOOLPOLLINTERVAL', 'SPOOLPOLLINTERVAL 60', '60', WARNED, None),
    ('SUPPRESSNOTIFICATION', 'NOTIFY ARRIVED FAILED\nSUPPRESSNOTIFICATION FAILED', '', MAPPED, 'NOTIFY ARRIVED'),
    ('TEMPERRORRETRIES', 'TEMPERRORRETRIES 5', '0', HONOURED, 'TEMPERRORRETRIES 5'),
    ('TIMEZONE', 'TIMEZONE EST', '', HONOURED, 'TIMEZONE EST'),
    ('TLS', 'TLS NEVER', 'NEVER', MAPPED, 'TLS NEVER'),
    ('TLSLABEL', 'TLSLABEL SMTPCERT', '', WARNED, None),
    ('TRACE', 'TRACE RESOLVER', 'off', MAPPED, 'TRACE'),
    ('NOTRACE', 'NOTRACE', '', HONOURED, None),
    ('VERIFYBATCHSMTPSENDER', 'VERIFYBATCHSMTPSENDER XMAILER', 'off', HONOURED, 'VERIFYBATCHSMTPSENDER XMAILER'),
    ('WARNINGAGE', 'WARNINGAGE 1', '1', HONOURED, 'WARNINGAGE 1'),
]
HEAD = '''# The statements of SMTP CONFIG (VM) and SMTPCONF (MVS)

<!-- Written by docs/smtpconfig.py from gateway/config/conf.def; change those. -->

An existing file runs unchanged: write a small njegate.conf and take it in.

    LOCAL    VM1
    HOSTNAME gw.example.com
    INCLUDE  SMTP.CONFIG

`;` begins a comment anywhere, keywords may be in any case, block statements end with their `END` word. A number out
of range is a warning and the default is used, as IBM's server did. `njegate config check` shows what is said of each
line, `njegate config show` the values in force; the daemon writes them to its log when it starts and reloads.

| statement | for example | IBM's default | here | what it does |
|---|---|---|---|---|
'''


def cell(text):
    return ' '.join(text.split()).replace('|', '\\|')


def main():
    out = subprocess.run([sys.argv[1], '--json', 'config', 'statements'], capture_output=True, text=True, check=True)
    rows = {r['statement']: r for r in json.loads(out.stdout)}
    print(HEAD, end='')
    for name, example, default, fate, _ in sorted(STATEMENTS):
        what = rows[name]['what']
        if what.startswith('Accepted with a warning: '):
            what = what[len('Accepted with a warning: '):]
        print('| %s | `%s` | %s | %s | %s |' % (name, cell(example), cell(default) or '-', fate, cell(what)))


if __name__ == '__main__':
    main()
