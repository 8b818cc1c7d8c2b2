#!/usr/bin/env python3
"""Answer the questions in fleet/questions from the tables of archive.py, with Spark or with DuckDB.

    answer.py spark TABLES [QUESTION...]
    answer.py duckdb TABLES [QUESTION...]

Prints one JSON object for each row.
"""
import datetime
import json
import sys
from pathlib import Path

QUESTIONS = Path(__file__).resolve().parent / "questions"
TABLES = ("exchanges", "notifications", "streams", "sessions", "findings")


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ENGINES:
        sys.exit(__doc__)
    names = sys.argv[3:] or sorted(path.stem for path in QUESTIONS.glob("*.sql"))
    ask = ENGINES[sys.argv[1]](Path(sys.argv[2]))
    for name in names:
        for row in answers(ask, name, Path(sys.argv[2])):
            print(json.dumps({"question": name, **row}))


def answers(ask, name, tables):
    """The rows of an answer, with values that every engine writes alike."""
    question = (QUESTIONS / f"{name}.sql").read_text()
    if any(f"from {table}\n" in question for table in TABLES if table not in written(tables)):
        # A table without rows has no files.
        return []
    return [{key: plain(value) for key, value in row.items()} for row in ask(question)]


def written(tables):
    """The tables that have rows."""
    return [name for name in TABLES if any((tables / name).glob("*/*/*.parquet"))]


def plain(value):
    if isinstance(value, float):
        return round(value, 6)
    return value.isoformat() if isinstance(value, datetime.date) else value


def spark(tables):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.appName("mcpdump answers").getOrCreate()
    session.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    for name in written(tables):
        rows = session.read.parquet(str(tables / name))
        rows.withColumn("date", rows["date"].cast("date")).createOrReplaceTempView(name)
    return lambda question: [row.asDict() for row in session.sql(question).collect()]


def duckdb(tables):
    import duckdb as engine

    connection = engine.connect()
    for name in written(tables):
        path = str(tables / name / "*/*/*.parquet").replace("'", "''")
        connection.execute(f"create view {name} as select * from read_parquet('{path}', hive_partitioning = true, "
                           "hive_types = {'date': date, 'sensor': varchar})")

    def ask(question):
        result = connection.execute(question)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]

    return ask


ENGINES = {"spark": spark, "duckdb": duckdb}

if __name__ == "__main__":
    main()
