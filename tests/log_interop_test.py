#!/usr/bin/env python3
"""Compares the log's bytes with kafka-python, both ways, record by record.

usage: log_interop_test.py PATH-OF-log_interop
Exits 0 when all is the same, 1 on a difference, 77 when the library can't be had.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent
VENV = TESTS.parent / ".cache" / "venv-test"
SEGMENT = "interop/0/00000000000000000000.log"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def enter_venv():
    """Runs this script again inside a virtual environment with the pinned packages."""
    if os.environ.get("LEAT_IN_VENV"):
        skip("kafka-python can't be imported from " + str(VENV))
    python = VENV / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True, timeout=120)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        "-r", TESTS / "requirements.txt"], check=True, timeout=240)
    except (OSError, subprocess.SubprocessError) as error:
        skip(f"the Python packages of tests/requirements.txt can't be installed: {error}")
    os.execve(python, [str(python), *sys.argv], {**os.environ, "LEAT_IN_VENV": "1"})


try:
    from kafka.record.default_records import DefaultRecordBatchBuilder
    from kafka.record.memory_records import MemoryRecords
    import crc32c  # noqa: F401  (kafka-python takes it when it is there)
    import lz4.frame  # noqa: F401
    import zstandard  # noqa: F401
except ImportError:
    enter_venv()


def fail(message):
    print("DIFFERENT: " + message)
    sys.exit(1)


def same(what, got, wanted):
    if got != wanted:
        fail(f"{what}: {got!r} instead of {wanted!r}")


def expected_records():
    """What `log_interop write` writes, by the same rule: (batch, offset, record)."""
    offset = 0
    sequence = 0
    for batch in range(20):
        count = 1 + batch * 7
        base = sequence if batch % 2 == 1 else -1
        records = []
        for number in range(count):
            key = f"key-{batch}-{number}".encode()
            text = "x" * (number * 37 % 500)
            value = f'{{"batch":{batch},"number":{number},"text":"{text}"}}'.encode()
            records.append({
                "offset": offset + number,
                "timestamp": 1_700_000_000_000 + batch * 1000 - number * 3,
                "key": key if number % 3 != 0 else None,
                "value": None if number % 11 == 5 else value,
                "headers": [("trace", key), ("é", b"\x01\xff")] if number % 4 == 1 else [],
            })
        yield {"base": offset, "sequence": base, "records": records}
        offset += count
        if batch % 2 == 1:
            sequence += count


def compare_written(program, compression):
    """Segments that the log wrote, decoded by kafka-python."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([program, "write", directory, compression], check=True)
        data = (pathlib.Path(directory) / SEGMENT).read_bytes()
    batches = MemoryRecords(data)
    count = 0
    codes = set()
    for expected in expected_records():
        batch = batches.next_batch()
        if batch is None:
            fail(f"{compression}: the segment ends before offset {expected['base']}")
        where = f"{compression}, batch at {expected['base']}"
        same(where + ": checksum", batch.validate_crc(), True)
        codes.add(batch.compression_type)
        same(where + ": magic", batch.magic, 2)
        same(where + ": base offset", batch.base_offset, expected["base"])
        (_, _, _, _, _, attributes, last_delta, first_timestamp, max_timestamp, producer, epoch,
         sequence, size) = batch._header_data
        has_producer = expected["sequence"] >= 0
        same(where + ": attributes", attributes & ~7, 0)
        same(where + ": producer", (producer, epoch, sequence),
             (4711, 3, expected["sequence"]) if has_producer else (-1, -1, -1))
        stamps = [record["timestamp"] for record in expected["records"]]
        same(where + ": timestamps", (first_timestamp, max_timestamp), (stamps[0], max(stamps)))
        same(where + ": last offset delta", last_delta, len(stamps) - 1)
        same(where + ": record count", size, len(stamps))
        for record, wanted in zip(batch, expected["records"], strict=True):
            got = {"offset": record.offset, "timestamp": record.timestamp, "key": record.key,
                   "value": record.value, "headers": record.headers}
            same(f"{where}: record", got, wanted)
            count += 1
    same(f"{compression}: what follows", batches.next_batch(), None)
    wanted_code = {"none": 0, "lz4": 3, "zstd": 4}[compression]
    if wanted_code not in codes or not codes <= {0, wanted_code}:
        fail(f"{compression}: batches have compressions {codes}")
    print(f"kafka-python read {count} records in 20 batches, written by leat with {compression}: "
          "offsets, timestamps, keys, values, headers, producers the same")


def compare_read(program, compression, code):
    """Batches that kafka-python built, read by the log."""
    wanted = []
    data = b""
    for number in range(15):
        builder = DefaultRecordBatchBuilder(
            magic=2, compression_type=code, is_transactional=0, producer_id=99,
            producer_epoch=1, base_sequence=len(wanted), batch_size=1 << 20)
        base = len(wanted)
        for delta in range(1 + number * 5):
            key = None if delta % 2 else f"k{delta}".encode()
            value = None if delta % 7 == 3 else b'{"n": %d}' % delta * (delta % 40)
            headers = [("h", b"1"), ("null", None)] if delta % 5 == 2 else []
            stamp = 1_600_000_000_000 + number * 50 - delta
            if builder.append(delta, stamp, key, value, headers) is None:
                fail("kafka-python refused a record")
            wanted.append({
                "offset": base + delta, "timestamp": stamp,
                "key": None if key is None else key.hex(),
                "value": None if value is None else value.hex(),
                "headers": [[name.encode().hex(), None if bytes_ is None else bytes_.hex()]
                            for name, bytes_ in headers]})
        batch = bytearray(builder.build())
        batch[0:8] = base.to_bytes(8, "big")  # as a broker does when it appends
        data += batch
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([program, "create", directory], check=True)
        (pathlib.Path(directory) / SEGMENT).write_bytes(data)
        lines = subprocess.run([program, "read", directory], check=True, capture_output=True,
                               text=True).stdout.splitlines()
    got = [json.loads(line) for line in lines]
    for one, other in zip(got, wanted):
        same(f"{compression}: record", one, other)
    same(f"{compression}: records", len(got), len(wanted))
    print(f"leat read {len(got)} records in 15 batches, written by kafka-python with {compression}: "
          "the same")


def main():
    program = sys.argv[1]
    for compression, code in (("none", 0), ("lz4", 3), ("zstd", 4)):
        compare_written(program, compression)
        compare_read(program, compression, code)


if __name__ == "__main__":
    main()
