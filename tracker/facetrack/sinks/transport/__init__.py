"""How results leave the machine without holding up the loop: addresses, datagrams, OSC, queues of the newest."""
