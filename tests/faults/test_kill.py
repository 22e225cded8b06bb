"""The short form of the kill rig: a handful of kills with a fixed seed and with a random one."""
import os
import random
import unittest

import kill_rig
import relay_kill_rig
from harness.postgres import Postgres, why_no_postgres


class Kill(unittest.TestCase):
    def test_fixed_seed(self) -> None:
        self.assertEqual(kill_rig.run(5, 20261122), 0)

    def test_random_seed(self) -> None:
        self.assertEqual(kill_rig.run(5, int(os.environ.get("PABAL_SEED", random.SystemRandom().randrange(2**31)))), 0)

    @unittest.skipIf(why_no_postgres(), why_no_postgres())
    def test_over_postgresql(self) -> None:
        with Postgres() as cluster:
            settings = f'[store]\nshards = ["{cluster.database()}"]\nspill_at = "256k"\n'
            self.assertEqual(kill_rig.run(3, random.SystemRandom().randrange(2**31), settings=settings), 0)


class RelayKill(unittest.TestCase):
    def test_fixed_seed(self) -> None:
        self.assertEqual(relay_kill_rig.run(4, 20261122), 0)

    def test_random_seed(self) -> None:
        self.assertEqual(relay_kill_rig.run(4, int(os.environ.get("PABAL_SEED", random.SystemRandom().randrange(2**31)))), 0)
