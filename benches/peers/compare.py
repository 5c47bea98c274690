"""AresaDB beside SQLite, DuckDB and, for graphs, Ladybug: the same data and work in turns, answers that must agree.

    python3 benches/peers/compare.py [--program target/release/aresadb] [--scale 0.1] [--debian FOLDER] [--rounds 5]

It makes an environment of its own with the peers at pinned versions (from PyPI, once), and prints a table of medians
as Markdown. A database that answers otherwise ends it. AresaDB runs as the program that users run, fed through a pipe;
the peers run within this process.
"""

import argparse
import csv
import gzip
import io
import math
import os
import pathlib
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import venv

PEERS = ["duckdb==1.4.2", "ladybug==0.22.0", "tpchgen-cli==4.0.0"]
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]
ROWS = 1_000_000
# How often a short statement runs in one turn: the pipe to the program then weighs little.
TIMES = 10


def own_environment():
    """Goes on in an environment that has the peers."""
    folder = pathlib.Path(os.environ.get("ARESADB_PEERS", pathlib.Path(tempfile.gettempdir()) / "aresadb-peers"))
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    stamp = folder / "peers.txt"
    if not stamp.exists() or stamp.read_text().split() != PEERS:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        stamp.write_text("\n".join(PEERS))
    os.execv(python, [str(python), *sys.argv])


class Shell:
    """The program with an open database; statements go in, CSV comes out."""

    END = "end of the answer"

    def __init__(self, program, database):
        arguments = [program, "-d", str(database), "-f", "csv"]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rows(self, sql, times=1):
        """The rows of a statement that runs so many times."""
        self.process.stdin.write(f"{sql};\n" * times + f"SELECT '{self.END}' AS x;\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()).strip() != self.END:
            if not line:
                raise SystemExit(f"the program ended in {sql}")
            lines.append(line)
        # The last line is the header of the mark.
        rows = list(csv.reader(io.StringIO("".join(lines[:-1]))))
        return [tuple(row) for row in rows[1 : len(rows) // times]]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr}")
    return done


def cell(value):
    return "" if value is None else str(value)


def same(a, b):
    """Whether two cells say the same; numbers but for their last digits."""
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False


def check(what, answers):
    (first, expected), *others = answers.items()
    for name, rows in others:
        equal = len(rows) == len(expected) and all(
            len(a) == len(b) and all(same(cell(x), cell(y)) for x, y in zip(a, b)) for a, b in zip(rows, expected)
        )
        if not equal:
            raise SystemExit(f"{what}: {name} answers {rows[:3]}, {first} {expected[:3]}")


def in_turns(what, contestants, rounds, table, answers_agree=True, times=1):
    """Runs the contestants in turns and adds a line of medians of one of the `times` that the work is done in a run;
    the first run of each is not counted."""
    answers = {name: work() for name, work in contestants.items()}
    if answers_agree:
        check(what, answers)
    taken = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            began = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - began)
    table.add(what, {name: statistics.median(spans) / times for name, spans in taken.items()})


class Table:
    PEERS = ["DuckDB", "SQLite", "Ladybug"]

    def __init__(self):
        self.lines = []
        print("| work | AresaDB | DuckDB | SQLite | Ladybug |\n|---|---|---|---|---|", flush=True)

    def add(self, what, medians):
        own = medians["AresaDB"]

        def shown(name):
            if name not in medians:
                return ""
            return f"{medians[name] * 1e3:,.1f} ms (AresaDB {own / medians[name]:.2f})"

        print(f"| {what} | {own * 1e3:,.1f} ms | {' | '.join(shown(name) for name in self.PEERS)} |", flush=True)
        self.lines.append((what, medians))


def queries():
    parts = (HERE.parent / "tpch" / "queries.sql").read_text().split("\n-- Q")[1:]
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


def repeated(work):
    return lambda: [work() for _ in range(TIMES)][0]


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

    source = options.debian
    nodes = ["package", "section", "tag"]
    edges = {"depends": "package", "recommends": "package", "suggests": "package", "in_section": "section", "tagged": "tag"}
    number = iter(range(1000))

    def fresh(kind):
        return work / f"debian{next(number)}.{kind}"

    def files(names):
        return [source / f"{name}.csv.gz" for name in names]

    def ours(folder):
        run(options.program, "init", folder)
        run(options.program, "-d", folder, "import", *files(nodes))
        run(options.program, "-d", folder, "--exec", "; ".join(f"CREATE INDEX {n}_name ON {n} (name)" for n in nodes))
        for to in nodes:
            ends = ["--from", "package.name=from", "--to", f"{to}.name=to"]
            run(options.program, "-d", folder, "import", *files(n for n, end in edges.items() if end == to), *ends)

    def read(name):
        with gzip.open(source / f"{name}.csv.gz", "rt", newline="") as lines:
            rows = csv.reader(lines)
            return next(rows), list(rows)

    def header(name):
        with gzip.open(source / f"{name}.csv.gz", "rt", newline="") as lines:
            return next(csv.reader(lines))

    def sqlite(file):
        lite = sqlite3.connect(file, isolation_level=None)
        lite.execute("PRAGMA journal_mode = WAL")
        lite.execute("PRAGMA synchronous = FULL")
        lite.execute("BEGIN")
        for name in nodes:
            header, rows = read(name)
            lite.execute(f'CREATE TABLE {name} (id INTEGER PRIMARY KEY, {", ".join(header)})')
            marks = ", ".join("?" * len(header))
            lite.executemany(f'INSERT INTO {name} ({", ".join(header)}) VALUES ({marks})', rows)
            lite.execute(f"CREATE INDEX {name}_name ON {name} (name)")
        for name, to in edges.items():
            header, rows = read(name)
            others = [f'"{column}"' for column in header[2:]]
            lite.execute(f'CREATE TABLE {name} ({", ".join(["from_id INTEGER", "to_id INTEGER", *others])})')
            values = ["(SELECT id FROM package WHERE name = ?)", f"(SELECT id FROM {to} WHERE name = ?)"]
            lite.executemany(f'INSERT INTO {name} VALUES ({", ".join(values + ["?"] * len(others))})', rows)
            lite.execute(f"CREATE INDEX {name}_from ON {name} (from_id)")
            lite.execute(f"CREATE INDEX {name}_to ON {name} (to_id)")
        lite.execute("COMMIT")
        lite.close()

    def duck(file):
        connection = duckdb.connect(str(file))
        for name in nodes:
            connection.execute(f"CREATE TABLE {name} AS SELECT row_number() OVER () AS id, * FROM read_csv('{source / name}.csv.gz', all_varchar = true)")
            connection.execute(f"CREATE INDEX {name}_name ON {name} (name)")
        for name, to in edges.items():
            connection.execute(
                f"""CREATE TABLE {name} AS SELECT f.id AS from_id, t.id AS to_id, e.* EXCLUDE ("from", "to")
                FROM read_csv('{source / name}.csv.gz', all_varchar = true) e
                JOIN package f ON f.name = e."from" JOIN {to} t ON t.name = e."to" """
            )
        connection.close()

    def graph_of(file):
        database = ladybug.Database(str(file))
        connection = ladybug.Connection(database)
        # It reads no compressed files, and no quoted line ends in several threads.
        plain = {}
        for name in [*nodes, *edges]:
            plain[name] = fresh("csv")
            with gzip.open(source / f"{name}.csv.gz") as packed, open(plain[name], "wb") as out:
                shutil.copyfileobj(packed, out)
        for name in nodes:
            columns = ", ".join(f"`{column}` STRING" for column in header(name))
            connection.execute(f"CREATE NODE TABLE {name} ({columns}, PRIMARY KEY (name))")
        for name, to in edges.items():
            columns = "".join(f", `{column}` STRING" for column in header(name)[2:])
            connection.execute(f"CREATE REL TABLE {name} (FROM package TO {to}{columns})")
        for name, lines in plain.items():
            connection.execute(f"COPY {name} FROM '{lines}' (HEADER = true, PARALLEL = false)")
            lines.unlink()
        connection.close()
        database.close()

    def made_and_gone(make, kind):
        def work():
            place = fresh(kind)
            make(place)
            shutil.rmtree(place) if place.is_dir() else place.unlink()

        return work

    makers = {"AresaDB": (ours, "ares"), "DuckDB": (duck, "duckdb"), "SQLite": (sqlite, "sqlite"), "Ladybug": (graph_of, "lbug")}
    contestants = {name: made_and_gone(*maker) for name, maker in makers.items()}
    in_turns("import of the Debian graph, with names indexed", contestants, options.rounds, table, False)
    places = {name: fresh(kind) for name, (_, kind) in makers.items()}
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target" / "release" / "aresadb", type=pathlib.Path)
    parser.add_argument("--scale", default=0.1, type=float)
    parser.add_argument("--debian", type=pathlib.Path, help="the folder of the Debian graph")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--only", choices=["tpch", "scans", "debian"], help="one part alone")
    options = parser.parse_args()
    if not options.program.exists():
        raise SystemExit(f"{options.program} is not there: cargo build --release, or --program PATH")
    own_environment()
    import duckdb
    import ladybug

    print(f"AresaDB {run(options.program, '--version').stdout.strip()}, DuckDB {duckdb.__version__}, SQLite {sqlite3.sqlite_version}, Ladybug {ladybug.__version__}")
    print(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}; medians of {options.rounds}\n")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        if options.only in (None, "scans"):
            scans(options, work, table)
        if options.only in (None, "debian") and options.debian:
            debian(options, work, table)
        if options.only in (None, "tpch"):
            tpch(options, work, table)
            start(options, work, table)


main()
