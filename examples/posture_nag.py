"""Say when the head has sunk or come too near for ten seconds: `python posture_nag.py [CAMERA] [SECONDS]`.

The first second with a face, sitting well, is the neutral.
"""

import asyncio
import sys

import facetrack

SUNK_MM, NEAR_MM = 50.0, 80.0


async def main(camera: str, patience_s: float) -> None:
    neutral = None
    bad_since_s = None
    async for result in facetrack.stream(camera):
        poses = [face.pose for face in result.faces if face.pose is not None]
        if not poses:
            continue
        place, time_s = poses[0].translation_mm, result.frame.time_s
        if neutral is None or time_s < 1.0:
            neutral = place
            continue
        _, down_mm, away_mm = place - neutral
        bad = "sit up" if down_mm > SUNK_MM else "move back" if away_mm < -NEAR_MM else ""
        bad_since_s = None if not bad else time_s if bad_since_s is None else bad_since_s
        if bad_since_s is not None and time_s - bad_since_s >= patience_s:
            print(f"{time_s:7.2f} s  {bad} ({down_mm:+.0f} mm down, {away_mm:+.0f} mm away)", flush=True)
            bad_since_s = None


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0", float(sys.argv[2]) if len(sys.argv) > 2 else 10.0))
