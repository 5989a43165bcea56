"""The light and the button at gpiozero's mock pins."""

from __future__ import annotations

import errno
import time
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from musicond.app.pipeline import build_source
from musicond.config.schema import Config
from musicond.core.commands import Command, SetPrivacy
from musicond.core.models import Frame, LightState, SourceStatus, Watching
from musicond.core.settings import Settings
from musicond.errors import SourceLost
from musicond.indicator import LitSource, PrivacyButton
from tests.web.conftest import without_face

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from musicond.indicator import GpioDevice

PIN = 17


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    """The pins of a machine without any."""
    Device.pin_factory = factory = MockFactory()
    yield factory
    factory.reset()
    Device.pin_factory = None


class Camera:
    """A camera that notes whether the light was on in each of its moments."""

    name = "camera"

    def __init__(self, pins: MockFactory) -> None:
        self.pins, self.works, self.moments = pins, True, list[tuple[str, bool]]()

    def _note(self, moment: str) -> None:
        self.moments.append((moment, bool(self.pins.pin(PIN).state)))

    def open(self) -> None:
        self._note("open")
        if not self.works:
            raise SourceLost("unplugged")

    def capture(self, wait_s: float) -> Frame:
        del wait_s
        self._note("capture")
        return Frame(np.zeros((4, 4), np.uint8), 1.0, datetime.now().astimezone())

    def get_status(self) -> SourceStatus:
        return SourceStatus(bad_frames=3)

    def close(self) -> None:
        self._note("close")


def test_the_light_is_on_exactly_while_the_camera_is_open(pins: MockFactory) -> None:
    camera = Camera(pins)
    source = LitSource(camera, PIN)
    assert source.get_status() == SourceStatus(bad_frames=3, light=LightState.OFF)
    for _ in range(3):
        source.open()
        assert source.get_status().light is LightState.ON
        source.capture(1)
        source.close()
        source.close()
        assert not pins.pin(PIN).state
        assert source.get_status().light is LightState.OFF
    camera.works = False
    with pytest.raises(SourceLost, match="unplugged"):
        source.open()
    assert not pins.pin(PIN).state, "the camera did not open"
    assert {lit for moment, lit in camera.moments if moment != "close"} == {True}
    assert [lit for moment, lit in camera.moments if moment == "close"] == [True, False] * 3, "it closes first"


def test_a_camera_whose_light_fails_stays_closed_and_opens_once_it_works(pins: MockFactory) -> None:
    camera = Camera(pins)
    source = LitSource(camera, PIN)
    other = PrivacyButton(PIN, lambda _: Future())
    other.start()
    with pytest.raises(SourceLost, match=r"light at pin 17 can't be lit .*indicator\.led_pin"):
        source.open()
    assert source.get_status().light is LightState.FAILED
    assert camera.moments == []
    other.stop()
    source.open()
    assert source.get_status().light is LightState.ON


def test_an_led_that_breaks_while_it_is_lit_is_made_again(pins: MockFactory, caplog: pytest.LogCaptureFixture) -> None:
    class BrokenLed:
        """An LED whose chip is gone."""

        def on(self) -> None:
            pass

        def off(self) -> None:
            raise OSError(errno.EIO, "Input/output error")

        close = off

    leds = [BrokenLed(), BrokenLed()]
    source = LitSource(Camera(pins), PIN, lambda _: leds.pop())
    source.open()
    source.close()
    assert "can't be switched off" in caplog.text
    assert source.get_status().light is LightState.FAILED
    source.open()
    assert not leds


def test_the_button_switches_privacy_in_turns(pins: MockFactory) -> None:
    commands: list[Command] = []

    def submit(command: Command) -> Future[None]:
        commands.append(command)
        return Future()

    button = PrivacyButton(PIN, submit)
    button.start()
    assert button.status() == "at pin 17"
    for number in range(3):
        pins.pin(PIN).drive_low()
        wait_for(lambda count=number + 1: len(commands) == count)  # type: ignore[misc]
        pins.pin(PIN).drive_high()
        time.sleep(0.06)  # longer than a bounce
    assert commands == [SetPrivacy(on=True), SetPrivacy(on=False), SetPrivacy(on=True)]
    button.accept(without_face(Watching.PRIVATE, settings=Settings(private=False)))
    pins.pin(PIN).drive_low()
    wait_for(lambda: len(commands) == 4)
    assert commands[-1] == SetPrivacy(on=True), "somebody else had opened the camera since"
    button.stop()
    button.stop()


def test_a_button_that_does_not_work_is_named_with_its_remedy(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(pin: int, pressed: Callable[[], None]) -> GpioDevice:
        raise ModuleNotFoundError("No module named 'gpiozero'")

    button = PrivacyButton(PIN, lambda _: Future(), refuse)
    button.start()
    assert "install python3-gpiozero" in caplog.text
    assert "indicator.button_pin" in button.status()
    button.stop()


def test_only_a_camera_gets_the_light_and_two_uses_need_two_pins() -> None:
    camera = {"camera": {"source": "v4l2"}, "indicator": {"led_pin": PIN}}
    assert isinstance(build_source(Config.model_validate(camera)), LitSource)
    assert not isinstance(build_source(Config.model_validate(camera | {"camera": {"source": "demo"}})), LitSource)
    assert not isinstance(build_source(Config.model_validate({"camera": {"source": "v4l2"}})), LitSource)
    with pytest.raises(ValueError, match="use two pins"):
        Config.model_validate({"indicator": {"led_pin": 4, "button_pin": 4}})


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the button's thread has done it."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
