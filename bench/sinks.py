"""What the benchmarks of sinks share: one run of a pipeline until all is in the other system, and what that system used."""

from measuring import check, fresh, note, run_once
from people import EVENTS, PIPELINE


def measure(name, server, file, source, sink, count, wanted=EVENTS, events=EVENTS, **more):
    """sink: the connector's part of the pipeline file; count(): the rows that are there in the end."""
    folder = fresh(name)
    before = server.cpu()
    seconds, cpu, peak = run_once("bench", PIPELINE % (file, source) + sink, folder)
    rows = count()
    check(rows == wanted, f"{rows:,} rows instead of {wanted:,}")
    note(name, events=events, seconds=seconds, cpu=cpu, peak_bytes=peak, rows=rows,
         server_cpu=round(server.cpu() - before, 1), **more)
    fresh(name)
