"""The Debian graph, loaded into each database."""

import csv
import gzip
import shutil
import sqlite3

from side_by_side import run

NODES = ["package", "section", "tag"]
# The type of the nodes that edges enter; they leave packages.
EDGES = {"depends": "package", "recommends": "package", "suggests": "package", "in_section": "section", "tagged": "tag"}


class Debian:
    """The graph's files, and databases made of them in a folder for work."""

    def __init__(self, source, program, work):
        self.source, self.program, self.work = source, program, work
        self.number = iter(range(1000))

    def fresh(self, kind):
        return self.work / f"debian{next(self.number)}.{kind}"

    def files(self, names):
        return [self.source / f"{name}.csv.gz" for name in names]

    def ours(self, folder):
        run(self.program, "init", folder)
        run(self.program, "-d", folder, "import", *self.files(NODES))
        run(self.program, "-d", folder, "--exec", "; ".join(f"CREATE INDEX {n}_name ON {n} (name)" for n in NODES))
        for to in NODES:
            ends = ["--from", "package.name=from", "--to", f"{to}.name=to"]
            run(self.program, "-d", folder, "import", *self.files(n for n, end in EDGES.items() if end == to), *ends)

    def read(self, name):
        with gzip.open(self.source / f"{name}.csv.gz", "rt", newline="") as lines:
            rows = csv.reader(lines)
            return next(rows), list(rows)

    def header(self, name):
        with gzip.open(self.source / f"{name}.csv.gz", "rt", newline="") as lines:
            return next(csv.reader(lines))

    def sqlite(self, file):
        lite = sqlite3.connect(file, isolation_level=None)
        lite.execute("PRAGMA journal_mode = WAL")
        lite.execute("PRAGMA synchronous = FULL")
        lite.execute("BEGIN")
        for name in NODES:
            header, rows = self.read(name)
            lite.execute(f'CREATE TABLE {name} (id INTEGER PRIMARY KEY, {", ".join(header)})')
            marks = ", ".join("?" * len(header))
            lite.executemany(f'INSERT INTO {name} ({", ".join(header)}) VALUES ({marks})', rows)
            lite.execute(f"CREATE INDEX {name}_name ON {name} (name)")
        for name, to in EDGES.items():
            header, rows = self.read(name)
            others = [f'"{column}"' for column in header[2:]]
            lite.execute(f'CREATE TABLE {name} ({", ".join(["from_id INTEGER", "to_id INTEGER", *others])})')
            values = ["(SELECT id FROM package WHERE name = ?)", f"(SELECT id FROM {to} WHERE name = ?)"]
            lite.executemany(f'INSERT INTO {name} VALUES ({", ".join(values + ["?"] * len(others))})', rows)
            lite.execute(f"CREATE INDEX {name}_from ON {name} (from_id)")
            lite.execute(f"CREATE INDEX {name}_to ON {name} (to_id)")
        lite.execute("COMMIT")
        lite.close()

    def duck(self, file):
        import duckdb

        connection = duckdb.connect(str(file))
        for name in NODES:
            connection.execute(f"CREATE TABLE {name} AS SELECT row_number() OVER () AS id, * FROM read_csv('{self.source / name}.csv.gz', all_varchar = true)")
            connection.execute(f"CREATE INDEX {name}_name ON {name} (name)")
        for name, to in EDGES.items():
            connection.execute(
                f"""CREATE TABLE {name} AS SELECT f.id AS from_id, t.id AS to_id, e.* EXCLUDE ("from", "to")
                FROM read_csv('{self.source / name}.csv.gz', all_varchar = true) e
                JOIN package f ON f.name = e."from" JOIN {to} t ON t.name = e."to" """
            )
        connection.close()

    def graph_of(self, file):
        import ladybug

        database = ladybug.Database(str(file))
        connection = ladybug.Connection(database)
        # It reads no compressed files, and no quoted line ends in several threads.
        plain = {}
        for name in [*NODES, *EDGES]:
            plain[name] = self.fresh("csv")
            with gzip.open(self.source / f"{name}.csv.gz") as packed, open(plain[name], "wb") as out:
                shutil.copyfileobj(packed, out)
        for name in NODES:
            columns = ", ".join(f"`{column}` STRING" for column in self.header(name))
            connection.execute(f"CREATE NODE TABLE {name} ({columns}, PRIMARY KEY (name))")
        for name, to in EDGES.items():
            columns = "".join(f", `{column}` STRING" for column in self.header(name)[2:])
            connection.execute(f"CREATE REL TABLE {name} (FROM package TO {to}{columns})")
        for name, lines in plain.items():
            connection.execute(f"COPY {name} FROM '{lines}' (HEADER = true, PARALLEL = false)")
            lines.unlink()
        connection.close()
        database.close()
