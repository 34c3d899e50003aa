#!/usr/bin/python3
"""Write docs/man/njegate.conf.5 from the table that reads the configuration: mkconf.py NJEGATE > page."""
import json, subprocess, sys

HEAD = r'''.\" Written by docs/man/mkconf.py from gateway/config/conf.def; change that.
.Dd November 21, 2026
.Dt NJEGATE.CONF 5
.Os
.Sh NAME
.Nm njegate.conf
.Nd configuration of the mail gateway njegated
.Sh DESCRIPTION
The statements of the VM and MVS SMTP CONFIG file, the node and link statements of RSCS, and njegate's own stand in
one file, in any order, one a line, keywords in any case.
.Sq \&;
begins a comment anywhere; a line with
.Sq *
in its first column is one.
.Cm INCLUDE Ar path
reads another file at that point.
Paths are relative to the file they stand in.
.Pp
Every problem is reported with file and line, not only the first; an unknown statement is an error that names the
nearest known one.
A number out of range in one of IBM's statements is a warning and the default is used, as IBM's server did.
.Pp
Names of nodes, links and users have 1 to 8 characters.
A neighbour is reached over its own link; other nodes need a
.Cm ROUTE .
A node without a way is unknown, and mail for it is refused.
.Sh STATEMENTS
.Bl -tag -width Ds
'''
TAIL = r'''.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /etc/njegate/njegate.conf
.It Pa /var/lib/njegate/njegate.db
The database: queue, tables, journal, readers.
Bodies over
.Cm INLINEBODY
bytes are in files beside it.
.El
.Sh EXAMPLES
.Bd -literal -offset indent
LOCAL      NJEGATE
HOSTNAME   gw.example.com
GATEWAY
LISTENSMTP 25
LISTENNJE  175
LINKDEFINE VM1 TYPE TCPNJE NODE VM1 AST
PARM       VM1 HOST=192.0.2.30 PORT=175
ROUTE      * TO VM1
.Ed
.Sh SEE ALSO
.Xr njegate 8 ,
.Xr njegated 8
'''


def escape(text):
    text = text.replace('\\', r'\e')
    return r'\&' + text if text[:1] in ".'" else text


def main():
    out = subprocess.run([sys.argv[1], '--json', 'config', 'statements'], capture_output=True, text=True, check=True)
    print(HEAD, end='')
    for row in sorted(json.loads(out.stdout), key=lambda r: r['statement']):
        form = ' '.join(row['form'].split())
        print('.It Cm ' + row['statement'] + (' No ' + escape(form).replace('|', r'\*(Ba') if form else ''))
        print(escape(row['what']).replace('. ', '.\n'))
    print(TAIL, end='')


main()
