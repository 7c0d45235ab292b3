PRAGMA journal_mode = WAL;
PRAGMA cache_size = 4000;
CREATE TABLE orders (id INTEGER PRIMARY KEY, who TEXT, amount REAL, at INT);
CREATE TABLE people (who TEXT PRIMARY KEY, city TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO orders SELECT i, 'p' || (i * 7919 % 997), i * 31 % 1000 / 7.0,
    i * 104729 % 86400 FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 996)
INSERT INTO people SELECT 'p' || i, 'city' || (i % 37) FROM n;
CREATE INDEX orders_who ON orders (who, at);
CREATE VIRTUAL TABLE words USING fts5(body);
INSERT INTO words SELECT group_concat(who || ' ' || amount, ' ')
    FROM orders GROUP BY at / 100;
SELECT count(*), round(sum(amount), 3) FROM orders;
SELECT city, count(*), round(avg(amount), 4) FROM orders JOIN people
    USING (who) GROUP BY city ORDER BY city;
SELECT who, at, sum(amount) OVER (PARTITION BY who ORDER BY at, id)
    FROM orders WHERE id % 1000 = 3 ORDER BY id;
SELECT count(*) FROM words WHERE words MATCH 'p1 OR p99';
UPDATE orders SET amount = amount * 2 WHERE at % 7 = 0;
DELETE FROM orders WHERE id % 3 = 0;
VACUUM;
SELECT count(*), round(sum(amount), 3), sum(length(printf('%.50c', who)))
    FROM orders;
PRAGMA integrity_check;
SELECT json_group_array(json_object('who', who, 'n', n)) FROM
    (SELECT who, count(*) AS n FROM orders GROUP BY who ORDER BY n DESC, who
    LIMIT 50);
