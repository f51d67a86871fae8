"""What each protocol holds for five head poses, worked out from the protocols' sources (signs, axes, Euler orders).

OpenSeeFace's were also compared with its own model and solver. Columns: (yaw, pitch, roll) of facetrack, degrees; OSF's
quaternion x, y, z, w and Euler degrees; opentrack's yaw, pitch, roll; OpenFace's Rx, Ry, Rz, radians; VMC's head bone.
"""

POSES = (
    ((0, 0, 0), (0.7071, 0.7071, 0, 0), (180, 0, 90), (0, 0, 0), (0, 0, 0), (0, 0, 0, 1)),
    ((20, 0, 0), (0.6964, 0.6964, -0.1228, -0.1228), (180, 20, 90), (-20, 0, 0), (0, -0.3491, 0),
     (0, -0.1736, 0, 0.9848)),
    ((0, 15, 0), (0.7011, 0.7011, 0.0923, -0.0923), (165, 0, 90), (0, 15, 0), (-0.2618, 0, 0),
     (-0.1305, 0, 0, 0.9914)),
    ((0, 0, 20), (0.8192, 0.5736, 0, 0), (180, 0, 70), (0, 0, 20), (0, 0, 0.3491), (0, 0, 0.1736, 0.9848)),
    ((20, 15, -10), (0.6102, 0.7625, -0.0493, -0.2091), (168.78, 22.28, 100.44), (-20, 15, -10),
     (-0.2778, -0.3367, -0.2685), (-0.1130, -0.1827, -0.1077, 0.9707)),
)  # fmt: skip
