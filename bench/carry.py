#!/usr/bin/env python3
"""Three ways to carry octets from socket to socket: recv and send, splice(2), sockmap redirection.

One sender, one relay, one receiver on loopback. CPU is that of this process (all three) and of the
kernel's threads, where redirection does its work. Needs root. What it found: bench/carry.md.
"""

import ctypes
import os
import resource
import select
import socket
import struct
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF = 321  # x86_64
TOTAL = 2 << 30
CHUNK = 64 << 10


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = LIBC.syscall(SYS_BPF, command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Sockmap:
    """Two sockets; what comes in on either goes out on the other."""

    def __init__(self, front_port):
        self.map = bpf(0, struct.pack("IIIII", 15, 4, 4, 2, 0))
        code = b"".join(
            struct.pack("<BBhi", *instruction)
            for instruction in [
                (0xBF, 0x16, 0, 0),  # r6 = r1, the context
                (0x61, 0x12, 136, 0),  # r2 = local_port
                (0xB7, 0x03, 0, 0),  # r3 = 0
                (0x55, 0x02, 1, front_port),  # on the front:
                (0xB7, 0x03, 0, 1),  # r3 = 1
                (0x18, 0x12, 0, self.map),  # r2 = map
                (0, 0, 0, 0),
                (0xB7, 0x04, 0, 0),  # r4 = 0: to egress
                (0xBF, 0x61, 0, 0),  # r1 = r6
                (0x85, 0, 0, 52),  # bpf_sk_redirect_map
                (0x95, 0, 0, 0),
            ]
        )
        self.code = ctypes.create_string_buffer(code, len(code))
        licence = ctypes.create_string_buffer(b"GPL")
        log = ctypes.create_string_buffer(65536)
        pointers = ctypes.addressof(self.code), ctypes.addressof(licence)
        attributes = struct.pack(
            "IIQQIIQI", 14, len(code) // 8, *pointers, 1, len(log), ctypes.addressof(log), 0
        )
        self.program = bpf(5, attributes)
        # BPF_SK_SKB_STREAM_VERDICT
        bpf(8, struct.pack("IIII", self.map, self.program, 5, 0))

    def put(self, index, sock):
        key, value = ctypes.c_uint32(index), ctypes.c_uint32(sock.fileno())
        addresses = ctypes.addressof(key), ctypes.addressof(value)
        bpf(2, struct.pack("IIQQQ", self.map, 0, *addresses, 0))


def pair():
    listener = socket.create_server(("127.0.0.1", 0))
    connected = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    listener.close()
    for sock in (connected, accepted):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected, accepted


def copy(front, back):
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    while count := front.recv_into(buffer):
        back.sendall(view[:count])
    back.shutdown(socket.SHUT_WR)


def splice(front, back):
    reader, writer = os.pipe()
    import fcntl

    fcntl.fcntl(writer, 1031, 1 << 20)
    while count := os.splice(front.fileno(), writer, 256 << 10):
        while count:
            count -= os.splice(reader, back.fileno(), count)
    os.close(reader)
    os.close(writer)
    back.shutdown(socket.SHUT_WR)


def redirect(front, back):
    sockmap = Sockmap(front.getsockname()[1])
    sockmap.put(1, back)
    sockmap.put(0, front)
    # What had come before goes by hand; then only the end comes here. A blocking read is of no use:
    # it returns when the kernel has taken what woke it.
    poll = select.poll()
    poll.register(front, select.POLLIN | select.POLLRDHUP)
    while True:
        poll.poll()
        try:
            octets = front.recv(CHUNK, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        if not octets:
            break
        back.sendall(octets)
    back.shutdown(socket.SHUT_WR)


def kernel_threads():
    """CPU of each kworker and ksoftirqd, in seconds."""
    used = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if name.startswith(("kworker", "ksoftirqd")):
            used[pid] = sum(map(int, rest.split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return used


def since(before):
    return sum(now - before.get(pid, 0) for pid, now in kernel_threads().items())


def measure(carry):
    sender, front = pair()
    back, receiver = pair()
    block = os.urandom(CHUNK)
    got = [0]

    def send():
        for _ in range(TOTAL // CHUNK):
            sender.sendall(block)
        sender.shutdown(socket.SHUT_WR)

    def receive():
        buffer = bytearray(CHUNK)
        while count := receiver.recv_into(buffer):
            got[0] += count

    relay = threading.Thread(target=carry, args=(front, back))
    if carry is redirect:
        # Before anything is sent.
        relay.start()
        time.sleep(0.2)
    begun, usage, kernel = time.time(), resource.getrusage(resource.RUSAGE_SELF), kernel_threads()
    threads = [threading.Thread(target=send), threading.Thread(target=receive)]
    if carry is not redirect:
        relay.start()
    for thread in threads:
        thread.start()
    for thread in (*threads, relay):
        thread.join(60)
    after = resource.getrusage(resource.RUSAGE_SELF)
    own = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
    for sock in (sender, front, back, receiver):
        sock.close()
    return own, since(kernel), time.time() - begun, got[0]


def stall(carry):
    """Octets that a sender gets rid of while the receiver does not read."""
    sender, front = pair()
    back, receiver = pair()
    threading.Thread(target=carry, args=(front, back), daemon=True).start()
    time.sleep(0.2)
    sender.settimeout(1)
    sent = 0
    try:
        while sent < 256 << 20:
            sent += sender.send(bytes(CHUNK))
    except TimeoutError:
        pass
    return sent


def last_words(carry, rounds=200):
    """Rounds in which the receiver did not get all that was sent right before the end."""
    short = 0
    for _ in range(rounds):
        sender, front = pair()
        back, receiver = pair()
        # Some of it before the relay begins, some after.
        sender.sendall(b"x" * 1000)
        relay = threading.Thread(target=carry, args=(front, back), daemon=True)
        relay.start()
        sender.sendall(b"x" * 300_000)
        sender.shutdown(socket.SHUT_WR)
        receiver.settimeout(2)
        got = 0
        try:
            while count := len(receiver.recv(CHUNK)):
                got += count
        except (TimeoutError, ConnectionError):
            pass
        short += got != 301_000
        relay.join(1)
        for sock in (sender, front, back, receiver):
            sock.close()
    return short


def main():
    for _ in range(3):
        for carry in (copy, splice, redirect):
            own, kernel, wall, got = measure(carry)
            cost = (own + kernel) / (TOTAL / 1e9)
            print(
                f"{carry.__name__:9} {cost:.2f} CPU s/GB (threads {own:.2f}, kernel {kernel:.2f}), "
                f"{wall:.1f} s, {'whole' if got == TOTAL else f'{TOTAL - got} octets lost'}",
                flush=True,
            )
    for carry in (copy, splice, redirect):
        print(f"{carry.__name__:9} not read: {stall(carry) >> 20} MiB taken", flush=True)
        print(f"{carry.__name__:9} ends cut short: {last_words(carry)} of 200", flush=True)
    os._exit(0)  # Some threads wait still.


if __name__ == "__main__":
    main()
