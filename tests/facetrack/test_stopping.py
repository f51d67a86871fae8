"""SIGINT, SIGTERM and SIGHUP end a process within a second in every state, and interrupt nothing that must be whole."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
IS_BUSY = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
ALLOWED_S = 10.0 if IS_BUSY else 1.5
"""A second, and something for the end of Python; a machine with many processes to a core is slower."""


def start(body):
    """Run `body` in a process that has installed the handlers, and wait until it prints `ready`."""
    code = "import os, sys, time, threading\nfrom facetrack import stopping\nstopping.install()\n" + textwrap.dedent(
        body
    )
    # Under nohup the tests ignore SIGHUP, and what they start would inherit that.
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, *numbers, pause_s=0.0):
    """Send the signals; returns the exit code, standard output and the time that it took."""
    began_s = time.perf_counter()
    for number in numbers:
        process.send_signal(number)
        time.sleep(pause_s)
    out, _ = process.communicate(timeout=20)
    return process.returncode, out, time.perf_counter() - began_s


@pytest.mark.parametrize("number", SIGNALS)
def test_a_waiting_process_is_stopped_by_an_exception(number):
    process = start(
        """
        try:
            print("ready", flush=True)
            threading.Condition().__enter__() and threading.Event().wait(60)
        except stopping.Stopped as stopped:
            print("closed", flush=True)
            sys.exit(stopped.exit_code)
        """
    )
    code, out, took_s = end(process, number)
    assert (code, out) == (128 + number, "closed\n")
    assert took_s < ALLOWED_S


@pytest.mark.parametrize("number", SIGNALS)
def test_a_call_in_c_that_never_returns_is_ended_by_the_watchdog(number):
    """A blocking C call that restarts after a signal, as libraries' do: the handler never runs."""
    process = start(
        """
        import ctypes
        lock = ctypes.CDLL(None).pause
        last = stopping.on_forced_end(lambda: os.write(1, b"last call\\n"))
        while True:
            try:
                print("ready", flush=True)
                ctypes.CDLL(None).usleep(60_000_000)
                lock()
            except stopping.Stopped:
                while True:
                    lock()
        """
    )
    code, out, took_s = end(process, number)
    assert (code, out) == (128 + number, "last call\n")
    assert took_s < ALLOWED_S


def test_a_writer_to_a_full_pipe_is_ended():
    process = start(
        """
        print("ready", flush=True)
        sys.stdout.write("x" * 10_000_000)
        """
    )
    began_s = time.perf_counter()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) != 0  # nobody has read
    assert time.perf_counter() - began_s < ALLOWED_S + 0.3
    process.communicate()


@pytest.mark.parametrize("pause_s", [0.0, 0.01, 0.1])
def test_a_second_signal_does_not_interrupt_the_closing(pause_s):
    process = start(
        """
        try:
            print("ready", flush=True)
            time.sleep(60)
        except stopping.Stopped:
            time.sleep(0.4)
            print("whole", flush=True)
        """
    )
    code, out, _ = end(process, signal.SIGINT, signal.SIGINT, signal.SIGHUP, signal.SIGTERM, pause_s=pause_s)
    assert (code, out) == (0, "whole\n")


def test_a_signal_waits_for_the_end_of_an_uninterrupted_block():
    process = start(
        """
        try:
            with stopping.uninterrupted():
                with stopping.uninterrupted():
                    print("ready", flush=True)
                    end_s = time.monotonic() + 0.4
                    while time.monotonic() < end_s:
                        pass
                print("inner", flush=True)
            print("never", flush=True)
        except stopping.Stopped:
            print("after", flush=True)
        """
    )
    assert end(process, signal.SIGINT)[:2] == (0, "inner\nafter\n")


def test_nohup_is_respected_and_a_child_has_the_usual_signals():
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(
            """
            import os, signal, sys
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            from facetrack import stopping
            stopping.install()
            os.kill(os.getpid(), signal.SIGHUP)
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.write(writer, b"!")
                signal.pause()
            os.read(reader, 1)
            os.kill(child, signal.SIGTERM)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            """
        )],
        capture_output=True, text=True, timeout=20, check=False, env=os.environ,
    )  # fmt: skip
    assert process.stdout == f"-{int(signal.SIGTERM)}\n", process.stderr
