#!/usr/bin/env python3
"""Runs another test with the topics of all its servers on a Kafka cluster.

usage: on_kafka_log.py TEST [ARGUMENT…]       (TEST: its path below tests/)
"""
import os
import subprocess
import sys

import leat_program
from servers.downloads import Unavailable
from servers.kafka import Kafka


def main():
    test = leat_program.TESTS / sys.argv[1]
    try:
        kafka = Kafka(relay=False)
        kafka.start()
    except Unavailable as reason:
        leat_program.skip(reason)
    try:
        environment = {**os.environ, "LEAT_TEST_LOG_BROKERS": kafka.address()}
        sys.exit(subprocess.run([sys.executable, test, *sys.argv[2:]], env=environment, check=False).returncode)
    finally:
        kafka.stop()


if __name__ == "__main__":
    main()
