-- db/schema_2.sql -- version 1 to version 2.

-- Who changed what of the directory, and when. kind: nick, alias, secure, restrict, access. name:
-- the nickname; USER@NODE; USERID@ADDRESS. action: add, change, delete, or import (of a file:
-- name is '*'). was, now: the row as a person reads it. Bounded here, whoever writes; JOURNALAGE
-- bounds its age. What the gateway itself adds for unknown correspondents is not in it.
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    action TEXT NOT NULL,
    was TEXT NOT NULL,
    now TEXT NOT NULL,
    by TEXT NOT NULL
);
CREATE INDEX history_name ON history (kind, name);
CREATE TRIGGER history_bound AFTER INSERT ON history
BEGIN DELETE FROM history WHERE id <= new.id - 100000; END;

-- One row: who is changing the directory in this transaction ('' not said: the row's own `by`),
-- since when (0 not said), and how many rows of history he may still add (NULL: any number). An
-- import of a million rows is not to push out everything else.
CREATE TABLE acting (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    who TEXT NOT NULL,
    at INTEGER NOT NULL,
    room INTEGER
);
INSERT INTO acting VALUES (1, '', 0, NULL);
CREATE VIEW acting_now AS SELECT who, room, CASE WHEN at > 0 THEN at
    ELSE CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER) END AS at FROM acting;

-- Each row as a person reads it, and the name it goes by.
ALTER TABLE nick ADD COLUMN said TEXT GENERATED ALWAYS AS (substr(
    CASE WHEN automatic THEN 'automatic ' ELSE '' END || mailbox
    || CASE WHEN members = '' THEN '' WHEN mailbox = '' THEN 'list: ' || members
            ELSE ' list: ' || members END
    || CASE WHEN name = '' THEN '' ELSE ' name: ' || name END
    || CASE WHEN owner = '' THEN '' ELSE ' owner: ' || owner END
    || CASE WHEN tags = '' THEN '' ELSE ' ' || tags END
    || CASE WHEN preferred THEN '' ELSE ' (not preferred)' END, 1, 500)) VIRTUAL;
ALTER TABLE alias ADD COLUMN said TEXT GENERATED ALWAYS AS (
    CASE WHEN automatic THEN 'automatic ' ELSE '' END || mailbox
    || CASE WHEN owner = '' THEN '' ELSE ' personal: ' || owner END) VIRTUAL;
ALTER TABLE secure ADD COLUMN said TEXT GENERATED ALWAYS AS (
    CASE WHEN nick = '' THEN 'registered' ELSE nick
         || CASE WHEN primary_nick THEN ' Y' ELSE ' N' END
         || CASE WHEN primary_mbox THEN ' Y' ELSE ' N' END END) VIRTUAL;
ALTER TABLE restriction ADD COLUMN said TEXT GENERATED ALWAYS AS (
    CASE action WHEN 1 THEN 'PURGE' WHEN 2 THEN 'RETURN' ELSE 'TRANSFERTO ' || transfer END) VIRTUAL;
ALTER TABLE access ADD COLUMN said TEXT GENERATED ALWAYS AS (
    CASE WHEN allowed THEN 'allowed' ELSE 'denied' END) VIRTUAL;

CREATE TRIGGER nick_history_add AFTER INSERT ON nick
WHEN NOT new.automatic AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'nick', new.nick, 'add', '', new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER nick_history_change AFTER UPDATE ON nick
WHEN old.said IS NOT new.said AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'nick', new.nick, 'change', old.said, new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER nick_history_delete AFTER DELETE ON nick
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'nick', old.nick, 'delete', old.said, '', who FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER alias_history_add AFTER INSERT ON alias
WHEN NOT new.automatic AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'alias', new.userid || '@' || new.address, 'add', '', new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER alias_history_change AFTER UPDATE ON alias
WHEN old.said IS NOT new.said AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'alias', new.userid || '@' || new.address, 'change', old.said, new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER alias_history_delete AFTER DELETE ON alias
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'alias', old.userid || '@' || old.address, 'delete', old.said, '', who FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER secure_history_add AFTER INSERT ON secure
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'secure', new.user || '@' || new.node, 'add', '', new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER secure_history_change AFTER UPDATE ON secure
WHEN old.said IS NOT new.said AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'secure', new.user || '@' || new.node, 'change', old.said, new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER secure_history_delete AFTER DELETE ON secure
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'secure', old.user || '@' || old.node, 'delete', old.said, '', who FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER restriction_history_add AFTER INSERT ON restriction
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'restrict', new.user || '@' || new.node, 'add', '', new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER restriction_history_change AFTER UPDATE ON restriction
WHEN old.said IS NOT new.said AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'restrict', new.user || '@' || new.node, 'change', old.said, new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER restriction_history_delete AFTER DELETE ON restriction
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'restrict', old.user || '@' || old.node, 'delete', old.said, '', who FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER access_history_add AFTER INSERT ON access
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'access', new.user || '@' || new.node, 'add', '', new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER access_history_change AFTER UPDATE ON access
WHEN old.said IS NOT new.said AND (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'access', new.user || '@' || new.node, 'change', old.said, new.said, CASE WHEN who <> '' THEN who ELSE new.by END FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;
CREATE TRIGGER access_history_delete AFTER DELETE ON access
WHEN (SELECT room FROM acting) IS NOT 0
BEGIN
    INSERT INTO history (at, kind, name, action, was, now, by)
    SELECT at, 'access', old.user || '@' || old.node, 'delete', old.said, '', who FROM acting_now;
    UPDATE acting SET room = room - 1 WHERE room IS NOT NULL;
END;

-- Policies of MTA-STS (RFC 8461) as their domains published them. until: when max_age is over.
CREATE TABLE sts (
    domain TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    policy TEXT NOT NULL,
    fetched INTEGER NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sts_until ON sts (until);
