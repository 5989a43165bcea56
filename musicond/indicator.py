"""An LED that is lit exactly while the camera is open, and a button that switches privacy, at GPIO pins.

Both use gpiozero, which is loaded only where a pin is configured. Its pin libraries have errors of their own kinds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from importlib import import_module
from typing import Protocol

from musicond.core.commands import Command, SetPrivacy
from musicond.core.models import Frame, LightState, SourceStatus
from musicond.core.outcome import Outcome
from musicond.core.ports import FrameSource, Output
from musicond.errors import SourceLost, error_text

log = logging.getLogger(__name__)

BOUNCE_S = 0.05
"""Seconds within which a second press is the bounce of the first."""
REMEDY = "install python3-gpiozero and allow GPIO as docs/camera.md says, or remove indicator.{key}"


class GpioDevice(Protocol):
    """An output or input at a pin; an LED has `on` and `off`, too."""

    def close(self) -> None:
        """Release the pin."""


class Led(GpioDevice, Protocol):
    """gpiozero's LED."""

    def on(self) -> None:
        """Light it."""

    def off(self) -> None:
        """Switch it off."""


def make_led(pin: int) -> Led:
    """Return the LED at a pin (BCM number), dark."""
    led: Led = import_module("gpiozero").LED(pin)
    return led


class LitSource:
    """A camera with a light: it is on before the camera opens, and until it has closed.

    A camera whose light can't be lit stays closed: nobody could see that it watches.
    """

    def __init__(self, source: FrameSource, pin: int, make: Callable[[int], Led] = make_led) -> None:
        self._source, self._pin, self._make = source, pin, make
        self._led: Led | None = None
        self._state = LightState.OFF

    @property
    def name(self) -> str:
        """Name for display."""
        return self._source.name

    def get_status(self) -> SourceStatus:
        """Return the camera's status with the state of the light."""
        return replace(self._source.get_status(), light=self._state)

    def open(self) -> None:
        """Light the LED and open the camera; raise SourceLost."""
        try:
            self._led = self._led or self._make(self._pin)
            self._led.on()
        except Exception as exc:  # see the head of this module
            self._release(LightState.FAILED)
            remedy = REMEDY.format(key="led_pin")
            raise SourceLost(f"the light at pin {self._pin} can't be lit ({error_text(exc)}); {remedy}") from None
        self._state = LightState.ON
        try:
            self._source.open()
        except BaseException:
            self._switch_off()
            raise

    def capture(self, wait_s: float) -> Frame:
        """Return the camera's next frame; see `FrameSource.capture`."""
        return self._source.capture(wait_s)

    def close(self) -> None:
        """Close the camera, then switch the LED off."""
        self._source.close()
        self._switch_off()

    def _switch_off(self) -> None:
        try:
            if self._led is not None:
                self._led.off()
                self._state = LightState.OFF
        except Exception as exc:  # see the head of this module
            log.warning("the light at pin %d can't be switched off: %s", self._pin, error_text(exc))
            self._release(LightState.FAILED)

    def _release(self, state: LightState) -> None:
        """Release the pin, so that the next attempt starts afresh."""
        led, self._led, self._state = self._led, None, state
        try:
            if led is not None:
                led.close()
        except Exception as exc:  # see the head of this module
            log.debug("pin %d can't be released: %s", self._pin, exc)


def make_button(pin: int, pressed: Callable[[], None]) -> GpioDevice:
    """Return the button between a pin (BCM number) and ground that calls `pressed` in a thread of its own."""
    button = import_module("gpiozero").Button(pin, bounce_time=BOUNCE_S)
    button.when_pressed = pressed
    device: GpioDevice = button
    return device


class PrivacyButton(Output):
    """A button that switches privacy on, and off again."""

    name = "button"

    def __init__(
        self,
        pin: int,
        submit: Callable[[Command], Future[None]],
        make: Callable[[int, Callable[[], None]], GpioDevice] = make_button,
    ) -> None:
        self._pin, self._submit, self._make = pin, submit, make
        self._private = False
        self._button: GpioDevice | None = None
        self._trouble = ""

    def start(self) -> None:
        """Wait for presses; a button that does not work is named in the log and on the page."""
        try:
            self._button = self._make(self._pin, self._press)
        except Exception as exc:  # see the head of this module
            remedy = REMEDY.format(key="button_pin")
            self._trouble = f"the button at pin {self._pin} does not work ({error_text(exc)}); {remedy}"
            log.warning("%s", self._trouble)

    def accept(self, outcome: Outcome) -> None:
        """Remember whether the camera is closed."""
        self._private = outcome.settings.private

    def status(self) -> str:
        """Return whether it works."""
        return self._trouble or f"at pin {self._pin}"

    def stop(self) -> None:
        """Release the pin."""
        button, self._button = self._button, None
        if button is not None:
            button.close()

    def _press(self) -> None:
        self._private = not self._private
        log.info("privacy switched %s by the button", "on" if self._private else "off")
        self._submit(SetPrivacy(on=self._private))
