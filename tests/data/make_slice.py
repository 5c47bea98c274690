#!/usr/bin/env python3
"""Cuts a slice out of the full Debian graph for the tests: some programs with everything they depend on.

Usage: make_slice.py FULL_FOLDER.  Writes the same eight files, smaller, to ./debian, and prints figures that the
tests compare with. A package's edges are kept where both ends are in the slice, so the answers about the seeds'
dependencies are those of the full graph.
"""
import collections, csv, gzip, io, os, sys

SEEDS = ["wordpress", "tmux", "git", "openssh-server", "vim", "bash", "coreutils", "nginx", "python3-requests"]

full = sys.argv[1]
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "debian")
os.makedirs(here, exist_ok=True)


def read(name):
    with gzip.open(os.path.join(full, name + ".csv.gz"), "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        return next(rows), list(rows)


def write(name, header, rows):
    with open(os.path.join(here, name + ".csv.gz"), "wb") as raw, \
         gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=9, mtime=0, filename="") as zipped:
        text = io.TextIOWrapper(zipped, encoding="utf-8", newline="")
        out = csv.writer(text, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)
        text.flush()
    print(f"{name}: {len(rows)}")


depends = collections.defaultdict(list)
for row in read("depends")[1]:
    depends[row[0]].append(row[1])
kept, queue = set(SEEDS), collections.deque(SEEDS)
while queue:
    for package in depends[queue.popleft()]:
        if package not in kept:
            kept.add(package)
            queue.append(package)

used = {"section": set(), "tag": set()}
incoming, sections = collections.Counter(), collections.Counter()
for name in ("depends", "recommends", "suggests"):
    header, rows = read(name)
    rows = [row for row in rows if row[0] in kept and row[1] in kept]
    write(name, header, rows)
    if name == "depends":
        incoming.update(row[1] for row in rows)
for name, target in (("in_section", "section"), ("tagged", "tag")):
    header, rows = read(name)
    rows = [row for row in rows if row[0] in kept]
    used[target].update(row[1] for row in rows)
    if target == "section":
        sections.update(row[1] for row in rows)
    write(name, header, rows)
for name, keep in (("package", kept), ("section", used["section"]), ("tag", used["tag"])):
    header, rows = read(name)
    write(name, header, [row for row in rows if row[0] in keep])
print("most needed:", incoming.most_common(5))
print("largest sections:", sections.most_common(5))
