"""The look-ups of benches/sql.rs in DuckDB, with the same rows. Run it beside that bench.

    python3 -m venv DIR && DIR/bin/pip install duckdb==1.4.2 && DIR/bin/python benches/peers/look_up.py
"""

import random
import statistics
import time

import duckdb

ROWS = 100_000
RANGE = 10
ROUNDS = 9
LOOK_UPS = 300

connection = duckdb.connect()
connection.execute("CREATE TABLE item (k BIGINT PRIMARY KEY, name TEXT, score DOUBLE, grp BIGINT)")
connection.execute(
    f"INSERT INTO item SELECT v, 'item ' || v, v / 7.0, v FROM range({ROWS}) AS g(v)"
)
connection.execute("CREATE INDEX item_grp ON item (grp)")
connection.execute("PREPARE by_key AS SELECT k, name, score FROM item WHERE k = $1")
connection.execute("PREPARE by_range AS SELECT k, name, score FROM item WHERE grp BETWEEN $1 AND $2")
numbers = random.Random(7)
for title, make, rows in [
    ("one row by its unique key", lambda n: f"EXECUTE by_key({n})", 1),
    ("ten rows of an indexed range", lambda n: f"EXECUTE by_range({n}, {n + RANGE - 1})", RANGE),
]:
    times = []
    for _ in range(ROUNDS):
        statements = [make(numbers.randrange(ROWS - RANGE)) for _ in range(LOOK_UPS)]
        began = time.perf_counter()
        for statement in statements:
            assert len(connection.execute(statement).fetchall()) == rows
        times.append((time.perf_counter() - began) / LOOK_UPS)
    print(f"{title}: DuckDB {statistics.median(times) * 1e6:.1f} µs")
