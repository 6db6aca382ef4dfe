#!/usr/bin/env python3
"""One contract that every sink keeps, and one that every source keeps: the real program, beside the real system.

usage: contract_test.py SYSTEM [--sink | --source] [--minute]      (--help names the systems)

--minute: outages last a minute instead of some seconds. What was left of a failed run is named.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import leat_program  # noqa: E402
from contract.connect_contract import ConnectContract  # noqa: E402
from contract.sink_contract import SinkContract  # noqa: E402
from contract.source_contract import SourceContract  # noqa: E402
from contract.systems import cassandra, files, kafka, mongodb, objects, postgresql, web  # noqa: E402

OUTAGE_SECONDS = 4
# name → (sinks, sources); those after the first use the first one's server
SYSTEMS = {
    "file": ([files.FileSink], [files.FileSource]),
    "http": ([web.HttpSink], [web.HttpSource]),
    "kafka": ([kafka.KafkaSink], [kafka.KafkaSource]),
    "postgresql": ([postgresql.PostgreSqlSink], [postgresql.PostgreSqlChanges, postgresql.PostgreSqlPolled]),
    "mongodb": ([mongodb.MongoDbSink], [mongodb.MongoDbSource]),
    "mongodb_transactions": ([mongodb.MongoDbTransactions], []),
    "cassandra": ([cassandra.CassandraSink], []),
    "objects": ([objects.ParquetSink], [objects.ObjectsSource]),
}


def run(name, arguments, folder, failures):
    sinks, sources = SYSTEMS[name]
    chosen = [(kind, SinkContract) for kind in sinks if not arguments.source]
    chosen += [(kind, SourceContract) for kind in sources if not arguments.sink]
    if not chosen:
        leat_program.skip(f"there is nothing of {name} to test")
    seconds = 60 if arguments.minute else OUTAGE_SECONDS
    with chosen[0][0](folder) as first:
        for kind, contract in chosen:
            system = first if kind is type(first) else kind(folder, *([first.server] if first.server else []))
            contract(system, folder / kind.__name__, failures, seconds).run()
            role = contract.what_it_is
            ConnectContract(system, role, folder / f"{kind.__name__}_connect", failures, seconds).run()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--sink", action="store_true")
    parser.add_argument("--source", action="store_true")
    parser.add_argument("--minute", action="store_true")
    arguments = parser.parse_args()
    leat_program.program()
    if arguments.system == "objects":
        leat_program.need_packages("pyarrow")
    failures = leat_program.Failures()
    with leat_program.scratch_folder() as folder:
        with leat_program.needing_servers():
            run(arguments.system, arguments, folder, failures)
        failures.end()


if __name__ == "__main__":
    main()
