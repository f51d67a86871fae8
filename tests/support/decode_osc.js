// Reads a JSON list of OSC packets in hexadecimal and prints [address, arguments] of every message, by npm's osc.
const osc = require("osc");
const fs = require("fs");

function messages(packet) {
  return packet.packets ? packet.packets.flatMap(messages) : [[packet.address, packet.args]];
}

const packets = JSON.parse(fs.readFileSync(process.argv[2])).map((text) => Uint8Array.from(Buffer.from(text, "hex")));
const found = packets.flatMap((data) => messages(osc.readPacket(data, {})));
process.stdout.write(JSON.stringify(found));
