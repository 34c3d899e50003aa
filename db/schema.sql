-- db/schema.sql -- version 1 of the tables. Times are microseconds since 1970-01-01 UTC.

-- One row a queued message. The body comes last: lists read the columns before it only.
-- body: the bytes when small; file: the number of SPOOLDIR/body/<file> when large.
-- ret (0 not said, 1 FULL, 2 HDRS) and envid are RFC 3461's; utf8: the mail needs SMTPUTF8.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL,
    from_door INTEGER NOT NULL,
    to_door INTEGER NOT NULL,
    form INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    size INTEGER NOT NULL,
    file INTEGER,
    origin_sender TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    ret INTEGER NOT NULL,
    utf8 INTEGER NOT NULL,
    envid TEXT NOT NULL,
    head TEXT NOT NULL,
    body BLOB
);
CREATE INDEX message_file ON message (file) WHERE file IS NOT NULL;
-- The further outputs of a message; its first keeps the number and needs no entry.
CREATE INDEX message_origin ON message (origin) WHERE origin <> id;

-- One row a recipient not yet settled. A message has at least one. notify (0 not said, else bits: 1
-- NEVER, 2 SUCCESS, 4 FAILURE, 8 DELAY) and orcpt are RFC 3461's.
CREATE TABLE rcpt (
    msg INTEGER NOT NULL,
    n INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    addr TEXT NOT NULL,
    dest TEXT NOT NULL,
    original TEXT NOT NULL,
    reason TEXT NOT NULL,
    notify INTEGER NOT NULL,
    orcpt TEXT NOT NULL,
    door INTEGER NOT NULL, -- the message's to_door
    PRIMARY KEY (msg, n)
) WITHOUT ROWID;
-- The queue's order; holds all the queue runner looks at before it loads a message.
CREATE INDEX rcpt_due ON rcpt (due, msg, n, door, dest) WHERE state = 0;

-- What happened: by message, then time. Times of one message are made unique.
CREATE TABLE journal (
    msg INTEGER NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (msg, at)
) WITHOUT ROWID;

-- The journal by address: one number a row, see db/trace.h.
CREATE TABLE trace (key INTEGER PRIMARY KEY);

CREATE TABLE nick (
    nick TEXT PRIMARY KEY,
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    preferred INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    by TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '',
    members TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX nick_mailbox ON nick (mailbox);

-- SNADS aliases: user ID and address to mailbox; owner '' is the system's table, else USER@NODE.
CREATE TABLE alias (
    owner TEXT NOT NULL,
    address TEXT NOT NULL,
    userid TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    automatic INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (owner, address, userid)
) WITHOUT ROWID;
CREATE INDEX alias_mailbox ON alias (mailbox COLLATE NOCASE);

-- The security table (SECURE): who is registered, and his names on the Internet side. nick is
-- '' in the row of a user who has none. The two indexes keep IBM's rules whoever writes.
CREATE TABLE secure (
    user TEXT NOT NULL,
    node TEXT NOT NULL,
    nick TEXT NOT NULL COLLATE NOCASE,
    primary_nick INTEGER NOT NULL,
    primary_mbox INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (user, node, nick)
) WITHOUT ROWID;
CREATE INDEX secure_nick ON secure (nick);
CREATE UNIQUE INDEX secure_primary_nick ON secure (nick) WHERE primary_nick;
CREATE UNIQUE INDEX secure_primary_mbox ON secure (user, node) WHERE primary_mbox;

-- RESTRICT: who may neither send nor receive. user or node may be '*'. action: 1 purge, 2 return,
-- 3 transfer to the user named in transfer.
CREATE TABLE restriction (
    user TEXT NOT NULL,
    node TEXT NOT NULL,
    action INTEGER NOT NULL,
    transfer TEXT NOT NULL,
    changed INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (user, node)
) WITHOUT ROWID;

-- Who may use the nickname service. user or node may be '*'; nobody named: everybody may.
CREATE TABLE access (
    user TEXT NOT NULL,
    node TEXT NOT NULL,
    allowed INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (user, node)
) WITHOUT ROWID;

-- Files in the readers of local users; deck or file as with message.
CREATE TABLE reader (
    number INTEGER PRIMARY KEY,
    user TEXT NOT NULL,
    origin TEXT NOT NULL,
    fn TEXT NOT NULL,
    ft TEXT NOT NULL,
    class INTEGER NOT NULL,
    records INTEGER NOT NULL,
    date INTEGER NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    file INTEGER,
    deck BLOB
);
CREATE INDEX reader_file ON reader (file) WHERE file IS NOT NULL;

-- Incoming files remembered for duplicate detection.
CREATE TABLE seen (
    key TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) WITHOUT ROWID;

-- Which mail a user of the NJE side was given, so that his reply can say what it answers.
CREATE TABLE thread (
    who TEXT NOT NULL,
    peer TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    refs TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (who, peer, subject)
) WITHOUT ROWID;
CREATE INDEX thread_at ON thread (at);

-- Highest numbers ever given: 'message', 'reader'; 'directory' counts the changes of the tables of
-- names, whoever makes them, so that one number tells whether what was read still holds. Rows that
-- the gateway itself makes for unknown correspondents do not count (db/row.h, keep_absent).
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO counter VALUES ('directory', 1);
CREATE TRIGGER nick_added AFTER INSERT ON nick WHEN new.by <> 'automatic'
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER nick_changed AFTER UPDATE ON nick
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER nick_removed AFTER DELETE ON nick
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER alias_added AFTER INSERT ON alias WHEN new.by <> 'automatic'
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER alias_changed AFTER UPDATE ON alias
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER alias_removed AFTER DELETE ON alias
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER secure_added AFTER INSERT ON secure
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER secure_changed AFTER UPDATE ON secure
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER secure_removed AFTER DELETE ON secure
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER restriction_added AFTER INSERT ON restriction
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER restriction_changed AFTER UPDATE ON restriction
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER restriction_removed AFTER DELETE ON restriction
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER access_added AFTER INSERT ON access
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER access_changed AFTER UPDATE ON access
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
CREATE TRIGGER access_removed AFTER DELETE ON access
BEGIN UPDATE counter SET value = value + 1 WHERE name = 'directory'; END;
