# syntax=docker/dockerfile:1
# facetrack serve, without a display. Linted by hadolint; never built or run by this project: no container engine was at hand.
#
#   docker build -t facetrack .
#   docker run -p 127.0.0.1:8000:8000 -e FACETRACK_TOKEN=some-16-letters-or-more facetrack
#   docker run ... --device /dev/video0 facetrack --camera 0
# The full image has a compiler: the wheel gets the compiled kernels.
FROM python:3.11-bookworm AS wheel
WORKDIR /src
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
COPY --from=wheel /wheels /wheels
# OpenCV's usual build needs libraries of a desktop, which a slim image does not have; the headless one is the same without windows.
RUN python -m pip install --no-cache-dir "$(echo /wheels/facetrack-*.whl)[serve]" \
    && python -m pip uninstall --yes opencv-python \
    && python -m pip install --no-cache-dir "opencv-python-headless>=4.10,<6" \
    && rm -r /wheels \
    && useradd --create-home --uid 10001 --groups video facetrack
USER 10001
WORKDIR /home/facetrack
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 8000), 3).close()"]
# Any address but the loopback's asks for a token: FACETRACK_TOKEN.
ENTRYPOINT ["facetrack", "serve", "--host", "0.0.0.0"]
CMD ["--camera", "none"]
