"""Write attention and PERCLOS to SQLite, a row a second and face: `python attention_log.py [CAMERA] [FILE.db]`."""

import asyncio
import sqlite3
import sys
from contextlib import closing

import facetrack

TABLE = "CREATE TABLE IF NOT EXISTS attention (time_s REAL, face INTEGER, on_target INTEGER, share REAL, perclos REAL)"


async def main(camera: str, path: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE)
        due_s = 0.0
        async for result in facetrack.stream(camera):
            if result.frame.time_s < due_s:
                continue
            due_s = result.frame.time_s + 1.0
            for face in result.faces:
                attention = face.signals.attention
                row = (result.frame.time_s, face.track_id, attention.on_target, attention.share)
                database.execute("INSERT INTO attention VALUES (?, ?, ?, ?, ?)", (*row, face.signals.perclos_p80_60s))
            database.commit()
        print("rows:", database.execute("SELECT COUNT(*) FROM attention").fetchone()[0])


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *["0", "attention.db"][len(sys.argv) - 1 :]]
    asyncio.run(main(*arguments[:2]))
