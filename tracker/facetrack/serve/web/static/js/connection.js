// The server's results over one WebSocket, opened again when it is lost.
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

export class Connection {
  // take: {hello, frame, event, state, lost}, each called with a message. frame gets the picture's Blob, or null, too.
  constructor(camera, topics, take, width = 960) {
    this.topics = topics;
    this.take = take;
    this.path = `/ws?camera=${encodeURIComponent(camera)}&width=${width}`;
    this.pauseMs = FIRST_PAUSE_MS;
    this.open();
  }

  open() {
    const address = new URL(`${this.path}&topics=${this.topics.join(",")}`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.binaryType = "blob";
    this.waiting = null;
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = ({ reason }) => this.again(reason);
  }

  receive(data) {
    if (typeof data !== "string") {
      const frame = this.waiting;
      this.waiting = null;
      if (frame) this.take.frame(frame, data);
      return;
    }
    this.pauseMs = FIRST_PAUSE_MS;
    const message = JSON.parse(data);
    if (message.type === "frame" && message.picture) this.waiting = message;
    else if (message.type === "frame") this.take.frame(message, null);
    else this.take[message.type]?.(message);
  }

  again(reason) {
    if (this.ended) return;
    this.take.lost(reason || "The server does not answer");
    this.timer = setTimeout(() => this.open(), this.pauseMs);
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
  }

  want(topics) {
    this.topics = topics;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ topics }));
  }

  settings(camera, wanted) { return ask(`/api/settings?camera=${encodeURIComponent(camera)}`, wanted); }

  calibrate(camera, action) { return ask(`/api/calibrate?camera=${encodeURIComponent(camera)}`, { action }); }

  close() {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket.close();
  }
}

// A request to the server; returns its answer, or throws an Error with its sentence.
export async function ask(path, body) {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, body === undefined ? {} : post);
  const found = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(found.error ?? `The server answered ${response.status}`);
  return found;
}
