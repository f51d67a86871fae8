"""Move the pointer with the head, click with a long blink: `python head_pointer.py [CAMERA]`.

With the package pynput it moves the real pointer; without, it prints where the pointer would go.
"""

import asyncio
import sys

import facetrack

SPEED_PX_S, DEAD_DEG, LONG_BLINK_S = 40.0, 3.0, 0.4


def mouse():
    try:
        from pynput.mouse import Button, Controller

        pointer = Controller()
        return pointer.move, lambda: pointer.click(Button.left)
    except ImportError:
        return lambda x, y: print(f"move {x:+d} {y:+d}"), lambda: print("click")


async def main(camera: str) -> None:
    move, click = mouse()
    last_s = 0.0
    async for result in facetrack.stream(camera):
        step_s, last_s = min(result.frame.time_s - last_s, 0.1), result.frame.time_s
        head = result.faces[0].signals.head if result.faces else None
        if head is not None and head.yaw_deg is not None and head.pitch_deg is not None:
            # As in a mirror: the head's turn to the picture's right moves the pointer to the left.
            way = [step_s * SPEED_PX_S * (a if abs(a) > DEAD_DEG else 0.0) for a in (-head.yaw_deg, -head.pitch_deg)]
            move(*map(round, way))
        if any(event.kind == "blink" and event.duration_s > LONG_BLINK_S for event in result.events):
            click()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
