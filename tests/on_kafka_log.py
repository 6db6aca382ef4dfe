#!/usr/bin/env python3
"""Runs another test with the topics of all its servers on a Kafka cluster.

usage: on_kafka_log.py TEST [ARGUMENT…]       (TEST: its path below tests/)
"""
import os
import subprocess
import sys

import leat_program
from servers.kafka import Kafka


def main():
    test = leat_program.TESTS / sys.argv[1]
    with leat_program.needing_servers():
        kafka = Kafka(relay=False)
        kafka.start()
    try:
        environment = {**os.environ, "LEAT_TEST_LOG_BROKERS": kafka.address()}
        sys.exit(subprocess.run([sys.executable, test, *sys.argv[2:]], env=environment, check=False).returncode)
    finally:
        kafka.stop()


if __name__ == "__main__":
    main()
