"""A social graph, made of a seed and loaded into each database: 100,000 persons who follow each other 2,400,000 times,
live in cities and have interests. Its shape and questions are those of github.com/prrao87/kuzudb-study."""

import csv
import itertools
import random

from side_by_side import run

PERSONS = 100_000
FOLLOWS = 2_400_000
INTERESTS = ["Fine Dining", "Tennis", "Photography", *(f"Interest {n}" for n in range(4, 42))]
COUNTRIES = {"United States": 30, "United Kingdom": 15, "Canada": 10}
CITIES_OF_A_STATE = 130

# Columns beside an id, and their types as Ladybug and DuckDB call them both.
NODES = {
    "person": {"number": "INT64", "name": "STRING", "gender": "STRING", "age": "INT64"},
    "city": {"number": "INT64", "name": "STRING"},
    "state": {"number": "INT64", "name": "STRING"},
    "country": {"number": "INT64", "name": "STRING"},
    "interest": {"number": "INT64", "name": "STRING"},
}
EDGES = {
    "follows": ("person", "person"),
    "lives_in": ("person", "city"),
    "has_interest": ("person", "interest"),
    "city_in": ("city", "state"),
    "state_in": ("state", "country"),
}


def rows():
    """The rows of all files, by type."""
    chance = random.Random(2_400_000)
    countries = list(COUNTRIES)
    states = [(country, n) for country, name in enumerate(countries) for n in range(COUNTRIES[name])]
    cities = [state for state in range(len(states)) for _ in range(CITIES_OF_A_STATE)]
    made = {
        "person": [
            (n, f"Person {n}", chance.choice(["male", "female"]), chance.randint(18, 80)) for n in range(PERSONS)
        ],
        "city": [(n, f"City {n}") for n in range(len(cities))],
        "state": [(n, f"State {n}") for n in range(len(states))],
        "country": list(enumerate(countries)),
        "interest": list(enumerate(INTERESTS)),
        "city_in": list(enumerate(cities)),
        "state_in": [(n, country) for n, (country, _) in enumerate(states)],
    }
    # Some are followed far more than others.
    fame = list(itertools.accumulate(1 / (1 + n) ** 0.6 for n in range(PERSONS)))
    famous = list(range(PERSONS))
    chance.shuffle(famous)
    followed = chance.choices(famous, cum_weights=fame, k=FOLLOWS)
    made["follows"] = [(chance.randrange(PERSONS), to) for to in followed]
    made["lives_in"] = [(n, chance.randrange(len(cities))) for n in range(PERSONS)]
    own = (chance.sample(range(len(INTERESTS)), chance.randint(1, 5)) for _ in range(PERSONS))
    made["has_interest"] = [(n, interest) for n, all_of_one in enumerate(own) for interest in all_of_one]
    return made


class Social:
    """The graph's files in a folder, and databases made of them."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        folder.mkdir()
        for name, lines in rows().items():
            with open(self.file(name), "w", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(NODES.get(name) or ["from", "to"])
                writer.writerows(lines)

    def file(self, name):
        return self.folder / f"{name}.csv"

    def ours(self, database):
        run(self.program, "init", database)
        run(self.program, "-d", database, "config", "set", "cache.max_size_mb", "6144")
        run(self.program, "-d", database, "import", *map(self.file, NODES))
        indexes = "; ".join(f"CREATE INDEX {name}_number ON {name} (number)" for name in NODES)
        run(self.program, "-d", database, "--exec", indexes)
        for name, (start, end) in EDGES.items():
            ends = ["--from", f"{start}.number=from", "--to", f"{end}.number=to"]
            run(self.program, "-d", database, "import", self.file(name), *ends)
        run(self.program, "-d", database, "checkpoint")

    def duck(self, connection):
        for name in NODES:
            connection.execute(f"CREATE TABLE {name} AS SELECT number AS id, * FROM read_csv('{self.file(name)}')")
        for name in EDGES:
            columns = '"from" AS from_id, "to" AS to_id'
            connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM read_csv('{self.file(name)}')")

    def ladybug(self, connection):
        for name, columns in NODES.items():
            typed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"CREATE NODE TABLE {name} ({typed}, PRIMARY KEY (number))")
        for name, (start, end) in EDGES.items():
            connection.execute(f"CREATE REL TABLE {name} (FROM {start} TO {end})")
        for name in [*NODES, *EDGES]:
            connection.execute(f"COPY {name} FROM '{self.file(name)}' (HEADER = true)")


# What is asked, in SQL that AresaDB and DuckDB both understand, and in Cypher.
QUERIES = [
    (
        "1: the three most followed",
        """SELECT p.number, p.name, count(*) AS c FROM follows f JOIN person p ON p.id = f.to_id
        GROUP BY p.number, p.name ORDER BY c DESC, p.number LIMIT 3""",
        """MATCH (:person)-[:follows]->(p:person)
        RETURN p.number, p.name, count(*) AS c ORDER BY c DESC, p.number LIMIT 3""",
    ),
    (
        "2: where the most followed lives",
        """WITH top AS (SELECT p.id, p.name, p.number, count(*) AS c FROM follows f JOIN person p ON p.id = f.to_id
        GROUP BY p.id, p.name, p.number ORDER BY c DESC, p.number LIMIT 1)
        SELECT t.name, t.c, city.name, state.name, country.name FROM top t
        JOIN lives_in l ON l.from_id = t.id JOIN city ON city.id = l.to_id
        JOIN city_in ci ON ci.from_id = city.id JOIN state ON state.id = ci.to_id
        JOIN state_in si ON si.from_id = state.id JOIN country ON country.id = si.to_id""",
        """MATCH (:person)-[:follows]->(p:person) WITH p, count(*) AS c ORDER BY c DESC, p.number LIMIT 1
        MATCH (p)-[:lives_in]->(city:city)-[:city_in]->(s:state)-[:state_in]->(country:country)
        RETURN p.name, c, city.name, s.name, country.name""",
    ),
    (
        "3: the youngest cities of a country",
        """SELECT city.name, avg(p.age) AS age FROM person p
        JOIN lives_in l ON l.from_id = p.id JOIN city ON city.id = l.to_id
        JOIN city_in ci ON ci.from_id = city.id JOIN state_in si ON si.from_id = ci.to_id
        JOIN country ON country.id = si.to_id
        WHERE country.name = 'United States' GROUP BY city.name ORDER BY age, city.name LIMIT 5""",
        """MATCH (p:person)-[:lives_in]->(city:city)-[:city_in]->(:state)-[:state_in]->(country:country)
        WHERE country.name = 'United States'
        RETURN city.name, avg(p.age) AS age ORDER BY age, city.name LIMIT 5""",
    ),
    (
        "4: persons of 30 to 40 by country",
        """SELECT country.name, count(*) AS c FROM person p
        JOIN lives_in l ON l.from_id = p.id JOIN city_in ci ON ci.from_id = l.to_id
        JOIN state_in si ON si.from_id = ci.to_id JOIN country ON country.id = si.to_id
        WHERE p.age BETWEEN 30 AND 40 GROUP BY country.name ORDER BY c DESC, country.name""",
        """MATCH (p:person)-[:lives_in]->(:city)-[:city_in]->(:state)-[:state_in]->(country:country)
        WHERE p.age >= 30 AND p.age <= 40
        RETURN country.name, count(*) AS c ORDER BY c DESC, country.name""",
    ),
    (
        "5: men of a state with an interest",
        """SELECT count(*) FROM person p
        JOIN has_interest h ON h.from_id = p.id JOIN interest i ON i.id = h.to_id
        JOIN lives_in l ON l.from_id = p.id JOIN city_in ci ON ci.from_id = l.to_id JOIN state s ON s.id = ci.to_id
        WHERE p.gender = 'male' AND i.name = 'Fine Dining' AND s.name = 'State 32'""",
        """MATCH (i:interest)<-[:has_interest]-(p:person)-[:lives_in]->(:city)-[:city_in]->(s:state)
        WHERE p.gender = 'male' AND i.name = 'Fine Dining' AND s.name = 'State 32' RETURN count(*)""",
    ),
    (
        "6: cities with most women who play tennis",
        """SELECT city.name, count(*) AS c FROM person p
        JOIN has_interest h ON h.from_id = p.id JOIN interest i ON i.id = h.to_id
        JOIN lives_in l ON l.from_id = p.id JOIN city ON city.id = l.to_id
        WHERE p.gender = 'female' AND i.name = 'Tennis'
        GROUP BY city.name ORDER BY c DESC, city.name LIMIT 5""",
        """MATCH (i:interest)<-[:has_interest]-(p:person)-[:lives_in]->(city:city)
        WHERE p.gender = 'female' AND i.name = 'Tennis'
        RETURN city.name, count(*) AS c ORDER BY c DESC, city.name LIMIT 5""",
    ),
    (
        "7: the state with most young photographers",
        """SELECT s.name, count(*) AS c FROM person p
        JOIN has_interest h ON h.from_id = p.id JOIN interest i ON i.id = h.to_id
        JOIN lives_in l ON l.from_id = p.id JOIN city_in ci ON ci.from_id = l.to_id JOIN state s ON s.id = ci.to_id
        JOIN state_in si ON si.from_id = s.id JOIN country ON country.id = si.to_id
        WHERE p.age BETWEEN 23 AND 30 AND i.name = 'Photography' AND country.name = 'United States'
        GROUP BY s.name ORDER BY c DESC, s.name LIMIT 1""",
        """MATCH (i:interest)<-[:has_interest]-(p:person)-[:lives_in]->(:city)-[:city_in]->(s:state)
        -[:state_in]->(country:country)
        WHERE p.age >= 23 AND p.age <= 30 AND i.name = 'Photography' AND country.name = 'United States'
        RETURN s.name, count(*) AS c ORDER BY c DESC, s.name LIMIT 1""",
    ),
    (
        "8: paths of two follows",
        "SELECT count(*) FROM follows f JOIN follows g ON g.from_id = f.to_id",
        "MATCH (:person)-[:follows]->(:person)-[:follows]->(:person) RETURN count(*)",
    ),
    (
        "9: paths of two follows by age",
        """SELECT count(*) FROM follows f JOIN person b ON b.id = f.to_id
        JOIN follows g ON g.from_id = b.id JOIN person c ON c.id = g.to_id WHERE b.age < 50 AND c.age > 25""",
        """MATCH (:person)-[:follows]->(b:person)-[:follows]->(c:person)
        WHERE b.age < 50 AND c.age > 25 RETURN count(*)""",
    ),
]
