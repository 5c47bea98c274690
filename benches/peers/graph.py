"""Graph queries in AresaDB beside Ladybug and DuckDB, and graph algorithms beside SciPy: in turns, answers must agree.

    python3 benches/peers/graph.py [--program target/release/aresadb] [--debian FOLDER] [--rounds 5] [--only social]

The social graph is made of a seed (social.py), the Debian graph is read from a folder. AresaDB runs as the program that
users run, behind a pipe, and is asked in SQL; the peers run within this process; SciPy has its matrix in memory already.
"""

import os

from debian import Debian
from side_by_side import TIMES, Shell, asked, compare_parts, in_turns, repeated

# Packages that much depends on, or that depend on much.
HUBS = ["kde-full", "gnome", "parl-desktop-world"]
PATHS = [("wordpress", "zlib1g"), ("kde-full", "libc6")]
DAMPING, TOLERANCE = 0.85, 1e-6


def connections(duck_file, ladybug_file):
    import duckdb
    import ladybug

    duck = duckdb.connect(str(duck_file))
    duck.execute(f"SET threads = {os.cpu_count()}")
    return duck, ladybug.Connection(ladybug.Database(str(ladybug_file)))


def compare(what, questions, shell, duck, graph, rounds, table, times):
    """Asks each database its own question, so many times in a turn."""
    ours, duckdb, cypher = questions
    contestants = {
        "AresaDB": lambda: shell.rows(ours, times),
        "DuckDB": lambda: [duck.execute(duckdb).fetchall() for _ in range(times)][0],
        "Ladybug": lambda: [[tuple(row) for row in graph.execute(cypher)] for _ in range(times)][0],
    }
    in_turns(what, contestants, rounds, table, times=times)


def social(options, work, table):
    from social import QUERIES, Social

    files = Social(options.program, work / "social")
    duck, graph = connections(work / "social.duckdb", work / "social.lbug")
    files.ours(work / "social.ares")
    files.duck(duck)
    files.ladybug(graph)
    shell = Shell(options.program, work / "social.ares")
    for what, sql, cypher in QUERIES:
        sql = " ".join(sql.split())
        compare(f"social {what}", (sql, sql, cypher), shell, duck, graph, options.rounds, table, 3)
    shell.close()


def reach(hub, depth):
    """How many packages a package depends on within some steps."""
    own = f"(SELECT id FROM package WHERE name = '{hub}')"
    duck = f"""WITH RECURSIVE reached(id, depth) AS (
        SELECT id, 0 FROM package WHERE name = '{hub}'
        UNION SELECT d.to_id, r.depth + 1 FROM reached r JOIN depends d ON d.from_id = r.id WHERE r.depth < {depth})
        SELECT count(DISTINCT id) FROM reached WHERE id <> {own}"""
    return (
        f"SELECT count(*) FROM traverse({own}, 'depends', {depth}) WHERE depth > 0",
        duck,
        f"""MATCH (a:package {{name: '{hub}'}})-[:depends* SHORTEST 1..{depth}]->(b:package)
        WHERE b.name <> '{hub}' RETURN count(DISTINCT b.name)""",
    )


def steps(start, end):
    """How many edges a shortest path has."""
    def own(name):
        return f"(SELECT id FROM package WHERE name = '{name}')"

    duck = f"""WITH RECURSIVE reached(id, depth) USING KEY (id) AS (
        SELECT id, 0 FROM package WHERE name = '{start}'
        UNION SELECT d.to_id, min(r.depth) + 1 FROM reached r JOIN depends d ON d.from_id = r.id
        WHERE NOT EXISTS (SELECT 1 FROM recurring.reached k WHERE k.id = d.to_id)
        AND NOT EXISTS (SELECT 1 FROM recurring.reached k WHERE k.id = {own(end)}) GROUP BY d.to_id)
        SELECT depth FROM reached WHERE id = {own(end)}"""
    return (
        f"SELECT max(step) FROM shortest_path({own(start)}, {own(end)}, 'depends')",
        duck,
        f"""MATCH p = (a:package {{name: '{start}'}})-[:depends* SHORTEST 1..30]->(b:package {{name: '{end}'}})
        RETURN length(p)""",
    )


def debian(options, work, table):
    files = Debian(options.debian, options.program, work)
    places = {kind: files.fresh(kind) for kind in ["ares", "duckdb", "lbug"]}
    files.ours(places["ares"])
    files.duck(places["duckdb"])
    files.graph_of(places["lbug"])
    duck, graph = connections(places["duckdb"], places["lbug"])
    shell = Shell(options.program, places["ares"])
    for hub in HUBS:
        for depth in [2, 3]:
            questions = [" ".join(text.split()) for text in reach(hub, depth)]
            compare(f"{hub}: {depth} steps", questions, shell, duck, graph, options.rounds, table, TIMES)
    for start, end in PATHS:
        questions = [" ".join(text.split()) for text in steps(start, end)]
        compare(f"shortest path {start} to {end}", questions, shell, duck, graph, options.rounds, table, TIMES)
    algorithms(options, shell, duck, table)
    shell.close()


def algorithms(options, shell, duck, table):
    """PageRank and components of all nodes along what packages depend on."""
    import numpy
    import scipy.sparse

    # Imported edges may join any nodes: sections and tags are nodes without such edges.
    counts = [duck.execute(f"SELECT count(*) FROM {kind}").fetchone()[0] for kind in ["package", "section", "tag"]]
    nodes = sum(counts)
    ends = duck.execute("SELECT from_id - 1, to_id - 1 FROM depends").fetchnumpy()
    start, end = ends.values()
    edges = scipy.sparse.csr_array((numpy.ones(len(start)), (start, end)), shape=(nodes, nodes))

    out = numpy.asarray(edges.sum(axis=1)).ravel()
    stuck = numpy.flatnonzero(out == 0)
    weights = scipy.sparse.diags_array(numpy.divide(1, out, where=out > 0, out=numpy.zeros(nodes)))
    pull = (weights @ edges).T.tocsr()

    def pagerank():
        ranks = numpy.full(nodes, 1 / nodes)
        for _ in range(100):
            before = ranks
            ranks = DAMPING * (pull @ ranks + ranks[stuck].sum() / nodes) + (1 - DAMPING) / nodes
            if numpy.abs(ranks - before).sum() < TOLERANCE:
                break
        return [(f"{ranks.max():.6f}",)]

    def components():
        return [(scipy.sparse.csgraph.connected_components(edges, directed=False)[0],)]

    for what, sql, scipys in [
        ("PageRank", f"SELECT round(max(rank), 6) FROM pagerank('depends', {DAMPING}, 100, {TOLERANCE})", pagerank),
        ("connected components", "SELECT count(DISTINCT component) FROM connected_components('depends')", components),
    ]:
        contestants = {"AresaDB": lambda: shell.rows(sql, TIMES), "SciPy": repeated(scipys)}
        in_turns(what, contestants, options.rounds, table, times=TIMES)


def main():
    parts = {"social": social, "debian": debian}
    options = asked(__doc__, list(parts))
    import scipy

    compare_parts(options, parts, ["DuckDB", "Ladybug", "SciPy"], f"SciPy {scipy.__version__}")


main()
