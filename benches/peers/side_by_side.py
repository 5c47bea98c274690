"""What the comparisons share: an environment with the peers, the program behind a pipe, work in turns, answers that
must agree, tables of medians."""

import argparse
import csv
import io
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import venv

PEERS = ["duckdb==1.4.2", "ladybug==0.22.0", "tpchgen-cli==4.0.0", "numpy==2.3.5", "scipy==1.16.3"]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
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


def asked(about, parts, more=lambda parser: None):
    """What the command line asks for, in the environment that has the peers."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / "target" / "release" / "aresadb", type=pathlib.Path)
    parser.add_argument("--debian", type=pathlib.Path, help="the folder of the Debian graph")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--only", choices=parts, help="one part alone")
    more(parser)
    options = parser.parse_args()
    if not options.program.exists():
        raise SystemExit(f"{options.program} is not there: cargo build --release, or --program PATH")
    own_environment()
    return options


def compare_parts(options, parts, peers, others):
    """Says what is compared, and runs the parts that were asked for."""
    import duckdb
    import ladybug

    version = run(options.program, "--version").stdout.strip()
    print(f"AresaDB {version}, DuckDB {duckdb.__version__}, Ladybug {ladybug.__version__}, {others}")
    print(machine(options.rounds))
    table = Table(peers)
    with tempfile.TemporaryDirectory() as folder:
        for name, part in parts.items():
            if options.only in (None, name) and (name != "debian" or options.debian):
                part(options, pathlib.Path(folder), table)


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
    """Lines of medians, printed as they come; AresaDB's ratio stands beside each peer's."""

    def __init__(self, peers):
        self.peers = peers
        self.lines = []
        print(f"| work | AresaDB | {' | '.join(peers)} |\n|{'---|' * (len(peers) + 2)}", flush=True)

    def add(self, what, medians):
        own = medians["AresaDB"]

        def shown(name):
            if name not in medians:
                return ""
            return f"{medians[name] * 1e3:,.1f} ms (AresaDB {own / medians[name]:.2f})"

        print(f"| {what} | {own * 1e3:,.1f} ms | {' | '.join(shown(name) for name in self.peers)} |", flush=True)
        self.lines.append((what, medians))


def machine(rounds):
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}; medians of {rounds}\n"


def repeated(work):
    return lambda: [work() for _ in range(TIMES)][0]
