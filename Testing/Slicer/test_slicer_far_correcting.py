"""Corrections that are worked out on another computer: none is lost when it goes."""

import far_desk
import slicer
import support
from correcting_desk import Desk, click, forget_editor, view


def tearDownModule():
    forget_editor()


class TestFarCorrecting(support.SlicerTestCase):
    def setUp(self):
        super().setUp()
        support.enter()
        self.addCleanup(support.leave)
        self.host = far_desk.make(self)
        self.addCleanup(far_desk.use, None)
        far_desk.use(self.host)
        self.desk = Desk(own_editor=True)
        self.addCleanup(self.desk.close)

    def click(self, index):
        widget = view("Red")
        pixel = self.desk.pixel(widget, index)
        click(widget, pixel)
        self.desk.settle()
        return self.desk.voxel_at(widget, pixel)

    def test_a_host_that_breaks_off_and_then_is_gone(self):
        desk = self.desk
        correction = desk.correction
        places = [self.click((20, 20, 10))]
        self.assertIn("Made on gpu-server.", correction.status)
        self.host.break_connections()
        places.append(self.click((38, 30, 16)))
        self.assertIn("Made on gpu-server.", correction.status)
        self.host.switch_off()
        places.append(self.click((30, 8, 12)))
        self.assertIn("Corrections go on on this computer; none is lost.", correction.status)
        self.assertNotIn("Made on", correction.status)
        self.assertIsNone(correction.problem)
        self.assertTrue(all(desk.mask()[place] for place in places))
        # All of them are the session's: each can be taken back.
        self.assertEqual(len(correction.entries), 3)
        correction.take_back(correction.entries[0][0])
        desk.settle()
        self.assertFalse(desk.mask()[places[0]])
        self.assertTrue(desk.mask()[places[2]])
        self.assertIsNotNone(slicer.mrmlScene)

    def test_another_choice_takes_the_session_along(self):
        from UNetSegmentPlugin.running import hosts

        desk = self.desk
        first = self.click((20, 20, 10))
        logins = self.host.logins
        hosts.choose(hosts.HERE)
        second = self.click((38, 30, 16))
        self.assertNotIn("Made on", desk.correction.status)
        hosts.choose(self.host.url)
        third = self.click((30, 8, 12))
        self.assertIn("Made on gpu-server.", desk.correction.status)
        self.assertGreater(self.host.logins, logins)
        self.assertTrue(all(desk.mask()[place] for place in (first, second, third)))
        self.assertEqual(len(desk.correction.entries), 3)
