"""The command line of tests that kill at random moments: how often, and a seed that brings the same moments again."""
import argparse
import random

import leat_program


def run(body, kills):
    """Calls body(folder, failures, kills, seed), and ends the process. `kills`: the default of --kills."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    failures = leat_program.Failures()
    with leat_program.scratch_folder() as scratch:
        with leat_program.needing_servers():
            body(scratch, failures, options.kills, options.seed)
        if failures.failed:
            failures.end()
    failures.end()
