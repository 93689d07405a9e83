"""live -- runs a story to its end on a database of its own, and says what it came to."""
import json
import os
import subprocess
import time

import gate

# What differs between two runs and means nothing: the kernel's ports, PostgreSQL's transactions.
SURROGATES = {"endpoint": {"peer"}, "journal": {"xid"}}
NOT_COMPARED = {"schema_version"}  # when it was migrated


class World:
    """A PostgreSQL that forgets in a power cut, which a test does not have."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.db = gate.Cluster(build, schema=False)
        for name, value in (("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off"),
                            ("autovacuum", "off")):  # a vacuum when it likes would change the order of rows
            self.db.run(f"ALTER SYSTEM SET {name} = {value}")
        self.db.run("SELECT pg_reload_conf(); CREATE ROLE year_daemon LOGIN SUPERUSER")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.db.close()

    def place(self, name):
        return self.db.place(name)


class Life:
    """One telling of a story."""

    def __init__(self, world, name, directory, timeout=3600):
        self.world, self.dir = world, directory
        self.conninfo = world.db.database(name)
        subprocess.run([world.build + "/powergatectl", "migrate", "--db", self.conninfo, "--sql", gate.ROOT + "/sql"],
                       check=True, stdout=subprocess.PIPE)
        world.db.psql(f"INSERT INTO powergate.principal VALUES ({os.getuid()}, 'tester', 'admin', 0)", self.conninfo)
        daemon = self.conninfo.replace("user=postgres", "user=year_daemon")
        began = time.monotonic()
        with open(directory + "/year.log", "wb") as log:
            self.code = subprocess.run(
                [world.build + "/tests/year/year", directory + "/story", directory, daemon, self.conninfo],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, timeout=timeout).returncode
        self.seconds = time.monotonic() - began

    def log(self):
        with open(self.dir + "/year.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def facts(self):
        return json.loads(self.file("facts.json"))

    def rows(self, sql):
        """Lists of texts."""
        return [line.split("|") for line in self.world.db.psql("\\pset format unaligned\n\\pset tuples_only on\n" + sql,
                                                               self.conninfo).splitlines()]

    def table(self, name):
        left_out = SURROGATES.get(name, set())
        columns = [c for c, in self.rows(f"SELECT column_name FROM information_schema.columns WHERE table_schema = "
                                         f"'powergate' AND table_name = '{name}' ORDER BY ordinal_position")
                   if c not in left_out]
        return self.world.db.psql(f"SELECT {', '.join(columns)} FROM powergate.{name} "
                                  f"ORDER BY {', '.join(str(i + 1) for i in range(len(columns)))}", self.conninfo)

    def everything(self):
        """table -> its rows, as table() has them, by one visit."""
        columns = {}
        for table, column in self.rows("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'powergate' "
                                       "ORDER BY table_name, ordinal_position"):
            if column not in SURROGATES.get(table, ()):
                columns.setdefault(table, []).append(column)
        names = [t for t in self.tables() if t not in NOT_COMPARED]
        text = self.world.db.psql("".join(f"\\echo -- {t}\nSELECT {', '.join(columns[t])} FROM powergate.{t} "
                                          f"ORDER BY {', '.join(str(i + 1) for i in range(len(columns[t])))};\n" for t in names), self.conninfo)
        parts = ("\n" + text).split("\n-- ")[1:]
        return {part.split("\n", 1)[0]: part for part in parts}

    def tables(self):
        return [t for t, in self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'powergate'"
                                      " AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'reading\\_%' ORDER BY 1")]

    def file(self, name):
        with open(os.path.join(self.dir, name), "rb") as f:
            return f.read()
