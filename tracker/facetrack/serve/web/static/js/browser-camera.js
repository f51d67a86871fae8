// This browser's own camera: one JPEG in flight, answered with what is in it. Same interface as Connection.
const LONGEST_SIDE = 640;
const QUALITY = 0.8;
const LEAST_INTERVAL_MS = 1000 / 30;

export class BrowserCamera {
  // roundTripMs: of the last picture, from its capture to its answer.
  constructor(take) {
    this.take = take;
    this.roundTripMs = null;
    this.start().catch((error) => this.fail(sentence(error)));
  }

  async start() {
    if (!navigator.mediaDevices) throw new Error("Browsers give their camera only to https pages and to localhost");
    this.stream = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
    });
    if (this.ended) return this.stop();
    this.video = Object.assign(document.createElement("video"), { srcObject: this.stream, muted: true, playsInline: true });
    await this.video.play();
    const address = new URL("/ws/camera", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    this.socket.onclose = ({ reason }) => this.fail(reason || "The server does not answer");
  }

  async send() {
    if (this.ended) return;
    const [width, height] = [this.video.videoWidth, this.video.videoHeight];
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    this.sentMs = performance.now();
    this.picture = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
    const time = new DataView(new ArrayBuffer(8));
    time.setFloat64(0, this.sentMs);
    if (!this.ended && this.socket.readyState === WebSocket.OPEN) this.socket.send(new Blob([time, this.picture]));
  }

  receive(message) {
    if (message.type === "ready") this.send();
    else if (message.type !== "frame") this.take[message.type]?.(message);
    else {
      const passedMs = performance.now() - this.sentMs;
      this.roundTripMs = passedMs;
      this.take.frame(message, this.picture);
      setTimeout(() => this.send(), Math.max(0, LEAST_INTERVAL_MS - passedMs));
    }
  }

  fail(reason) {
    if (this.ended) return;
    this.close();
    this.take.lost(reason);
  }

  want() {} // its picture is here already

  command(wanted) { this.socket?.send(JSON.stringify(wanted)); }

  async settings(_, wanted) { this.command(wanted); }

  async calibrate(_, action) { this.command({ action }); }

  stop() { for (const track of this.stream?.getTracks() ?? []) track.stop(); }

  close() {
    this.ended = true;
    this.socket?.close();
    this.stop();
  }
}

function sentence(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed; allow it in the address bar and choose it again";
  if (error.name === "NotFoundError") return "This device has no camera";
  return error.message;
}
