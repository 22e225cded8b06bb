"""The short form of the kill rig: a handful of kills with a fixed seed and with a random one."""
import os
import random
import unittest

import kill_rig


class Kill(unittest.TestCase):
    def test_fixed_seed(self) -> None:
        self.assertEqual(kill_rig.run(5, 20261122), 0)

    def test_random_seed(self) -> None:
        self.assertEqual(kill_rig.run(5, int(os.environ.get("PABAL_SEED", random.SystemRandom().randrange(2**31)))), 0)
