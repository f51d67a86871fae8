"""Ring when eyes stay closed or the fatigue level rises: `python drowsiness_alarm.py [CAMERA]`. No safety device.

`facetrack live --alarm drowsy,microsleep` does the same without a line of Python.
"""

import asyncio
import sys

import facetrack

EYES_CLOSED_S = 1.0


async def main(camera: str) -> None:
    ringing: set[int] = set()
    async for result in facetrack.stream(camera):
        for face in result.faces:
            signals = face.signals
            asleep = (signals.eyes.closed_s or 0.0) > EYES_CLOSED_S or signals.fatigue.level == "drowsy"
            if asleep and face.track_id not in ringing:
                print(f"\a{result.frame.time_s:7.2f} s  face {face.track_id}: wake up", flush=True)
            (ringing.add if asleep else ringing.discard)(face.track_id)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0"))
