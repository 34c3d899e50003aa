-- db/schema_3.sql -- version 2 to version 3.

-- The journal's youngest rows, as one commit wrote them: packed, see db/jot.h. top: the greatest
-- message number in it; n: how many rows.
CREATE TABLE jot (
    id INTEGER PRIMARY KEY,
    top INTEGER NOT NULL,
    n INTEGER NOT NULL,
    rows BLOB NOT NULL
);

-- To which messages (a bucket is 4096 numbers) something happened in which hour since 1970.
CREATE TABLE journal_hour (
    hour INTEGER NOT NULL,
    bucket INTEGER NOT NULL,
    PRIMARY KEY (hour, bucket)
) WITHOUT ROWID;
INSERT INTO journal_hour SELECT DISTINCT at / 3600000000, msg >> 12 FROM journal;

-- Version 2 kept the young rows of the journal's index apart, at 1 << 62: to their places.
INSERT OR IGNORE INTO trace
    SELECT (id >> 16 << 39) + (hash << 16) + (id & 65535)
    FROM (SELECT key >> 23 & 549755813887 AS id, key & 8388607 AS hash
          FROM trace WHERE key >= 4611686018427387904) ORDER BY 1;
DELETE FROM trace WHERE key >= 4611686018427387904;
