"""AresaDB beside SQLite, DuckDB and, for graphs, Ladybug: the same data and work in turns, answers that must agree.

    python3 benches/peers/compare.py [--program target/release/aresadb] [--scale 0.1] [--debian FOLDER] [--rounds 5]

It makes an environment of its own with the peers at pinned versions (from PyPI, once), and prints a table of medians
as Markdown. A database that answers otherwise ends it. AresaDB runs as the program that users run, fed through a pipe;
the peers run within this process.
"""

import csv
import os
import pathlib
import shutil
import sqlite3
import sys

from debian import Debian
from side_by_side import ROOT, TIMES, Shell, asked, compare_parts, in_turns, repeated, run

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
ROWS = 1_000_000


def queries():
    parts = (ROOT / "benches" / "tpch" / "queries.sql").read_text().split("\n-- Q")[1:]
    return [(name, sql.strip()) for name, sql in (part.split("\n", 1) for part in parts)]


def tpch(options, work, table):
    import duckdb

    files = work / "tpch"
    generator = pathlib.Path(sys.prefix) / "bin" / "tpchgen-cli"
    run(generator, "parquet", "-s", options.scale, "--output-dir", files)
    database = work / "tpch.ares"
    run(options.program, "init", database)
    run(options.program, "-d", database, "config", "set", "cache.max_size_mb", "6144")
    for name in TABLES:
        run(options.program, "-d", database, "import", files / f"{name}.parquet")
    run(options.program, "-d", database, "checkpoint")
    duck = duckdb.connect(str(work / "tpch.duckdb"))
    duck.execute(f"SET threads = {os.cpu_count()}")
    for name in TABLES:
        duck.execute(f"CREATE TABLE {name} AS SELECT * FROM '{files / name}.parquet'")
    shell = Shell(options.program, database)
    total = {"AresaDB": 0.0, "DuckDB": 0.0}
    for name, sql in queries():
        contestants = {"AresaDB": lambda: shell.rows(sql), "DuckDB": lambda: duck.execute(sql).fetchall()}
        in_turns(f"TPC-H {options.scale:g} Q{name}", contestants, options.rounds, table)
        for contestant, median in table.lines[-1][1].items():
            total[contestant] += median
    table.add(f"TPC-H {options.scale:g}, all", total)
    shell.close()
    duck.close()
    start(options, work, table)


def scans(options, work, table):
    import duckdb

    rows = work / "rows.csv"
    with open(rows, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["k", "v", "s", "f"])
        writer.writerows((k, k * 7919 % 1_000_003, f"row {k * 31 % 99_991}", k / 7) for k in range(ROWS))
    database = work / "rows.ares"
    run(options.program, "init", database)
    run(options.program, "-d", database, "import", "--type", "item", rows)
    run(options.program, "-d", database, "checkpoint")
    duck = duckdb.connect(str(work / "rows.duckdb"))
    duck.execute(f"CREATE TABLE item AS SELECT * FROM read_csv('{rows}')")
    lite = sqlite3.connect(work / "rows.sqlite")
    lite.execute("CREATE TABLE item (k INTEGER, v INTEGER, s TEXT, f REAL)")
    with open(rows, newline="") as lines:
        lite.executemany("INSERT INTO item VALUES (?, ?, ?, ?)", list(csv.reader(lines))[1:])
    lite.commit()
    shell = Shell(options.program, database)
    for what, sql in [
        ("one of 1,000,000 rows by a number, no index", "SELECT k, v, s FROM item WHERE v = 424242"),
        ("some of 1,000,000 rows by a text, no index", "SELECT k, v FROM item WHERE s = 'row 4711' ORDER BY k"),
        ("sum of 1,000,000 rows in 10 groups", "SELECT v % 10 AS g, count(*), sum(k) FROM item GROUP BY 1 ORDER BY 1"),
    ]:
        contestants = {
            "AresaDB": lambda: shell.rows(sql, TIMES),
            "DuckDB": repeated(lambda: duck.execute(sql).fetchall()),
            "SQLite": repeated(lambda: lite.execute(sql).fetchall()),
        }
        in_turns(what, contestants, options.rounds, table, times=TIMES)
    shell.close()


def debian(options, work, table):
    import duckdb
    import ladybug

    files = Debian(options.debian, options.program, work)

    def made_and_gone(make, kind):
        def work():
            place = files.fresh(kind)
            make(place)
            shutil.rmtree(place) if place.is_dir() else place.unlink()

        return work

    makers = {
        "AresaDB": (files.ours, "ares"),
        "DuckDB": (files.duck, "duckdb"),
        "SQLite": (files.sqlite, "sqlite"),
        "Ladybug": (files.graph_of, "lbug"),
    }
    contestants = {name: made_and_gone(*maker) for name, maker in makers.items()}
    in_turns("import of the Debian graph, with names indexed", contestants, options.rounds, table, False)
    places = {name: files.fresh(kind) for name, (_, kind) in makers.items()}
    for name, (make, _) in makers.items():
        make(places[name])
    shell = Shell(options.program, places["AresaDB"])
    connection = duckdb.connect(str(places["DuckDB"]))
    lite = sqlite3.connect(places["SQLite"])
    graph = ladybug.Connection(ladybug.Database(str(places["Ladybug"])))
    for what, sql, cypher in [
        (
            "paths of two dependencies",
            "SELECT count(*) FROM depends a JOIN depends b ON a.to_id = b.from_id",
            "MATCH (:package)-[:depends]->(:package)-[:depends]->(:package) RETURN count(*)",
        ),
        (
            "packages that most depend on",
            "SELECT p.name, count(*) AS c FROM depends d JOIN package p ON p.id = d.to_id GROUP BY p.name ORDER BY c DESC, p.name LIMIT 10",
            "MATCH (:package)-[:depends]->(p:package) RETURN p.name, count(*) AS c ORDER BY c DESC, p.name LIMIT 10",
        ),
    ]:
        contestants = {
            "AresaDB": lambda: shell.rows(sql, TIMES),
            "DuckDB": repeated(lambda: connection.execute(sql).fetchall()),
            "SQLite": repeated(lambda: lite.execute(sql).fetchall()),
            "Ladybug": repeated(lambda: [tuple(row) for row in graph.execute(cypher)]),
        }
        in_turns(what, contestants, options.rounds, table, times=TIMES)
    shell.close()


def start(options, work, table):
    def ours():
        return run(options.program, "-d", work / "tpch.ares", "--exec", "SELECT 1").stdout

    in_turns("program: SELECT 1, from start to exit", {"AresaDB": ours}, options.rounds, table)


def main():
    parts = {"scans": scans, "debian": debian, "tpch": tpch}
    options = asked(__doc__, list(parts), lambda parser: parser.add_argument("--scale", default=0.1, type=float))
    compare_parts(options, parts, ["DuckDB", "SQLite", "Ladybug"], f"SQLite {sqlite3.sqlite_version}")


main()
