/*
 * The reference of `npm run bench -- fanout`: the least that a WebSocket broadcaster on one thread of Linux can do. Frozen:
 * figures of different versions of Parley are comparable because this file does not change.
 *
 * It accepts WebSocket connections (RFC 6455) with epoll. What arrives in a text frame on a connection to /publish is
 * written to every other connection, with one write(2) for each message and connection. It keeps nothing, checks nobody,
 * stores nothing, and cuts whoever cannot take a whole frame at once.
 *
 * Prints "ready PORT". Ends when its standard input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS 20000
#define BUFFER 65536

enum kind { NONE, HANDSHAKE, READER, PUBLISHER };

static enum kind kinds[CONNECTIONS];
static int readers[CONNECTIONS], places[CONNECTIONS], count;
/* What a publisher sent and is not a whole frame yet; there is one publisher. */
static unsigned char pending[BUFFER * 4];
static size_t pending_bytes;
static char requests[CONNECTIONS][1024];
static unsigned short request_bytes[CONNECTIONS];

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

/* SHA-1 (RFC 3174) of at most 119 bytes: two blocks. */
static void sha1(const char *text, size_t length, unsigned char digest[20]) {
  unsigned char data[128] = {0};
  size_t total = length + 9 <= 64 ? 64 : 128;
  memcpy(data, text, length);
  data[length] = 0x80;
  for (int i = 0; i < 8; i++) data[total - 1 - i] = (unsigned char)((uint64_t)length * 8 >> (8 * i));
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t block = 0; block < total; block += 64) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++) {
      const unsigned char *p = data + block + i * 4;
      w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
      uint32_t f, k;
      if (i < 20) f = (b & c) | (~b & d), k = 0x5a827999;
      else if (i < 40) f = b ^ c ^ d, k = 0x6ed9eba1;
      else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
      else f = b ^ c ^ d, k = 0xca62c1d6;
      uint32_t next = rotate(a, 5) + f + e + k + w[i];
      e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char *bytes, size_t length, char *text) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < length; i += 3) {
    uint32_t group = (uint32_t)bytes[i] << 16;
    if (i + 1 < length) group |= (uint32_t)bytes[i + 1] << 8;
    if (i + 2 < length) group |= bytes[i + 2];
    *text++ = digits[group >> 18];
    *text++ = digits[group >> 12 & 63];
    *text++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
    *text++ = i + 2 < length ? digits[group & 63] : '=';
  }
  *text = 0;
}

static void end(int fd) {
  if (kinds[fd] == READER) {
    int last = readers[--count];
    readers[places[fd]] = last;
    places[last] = places[fd];
  }
  kinds[fd] = NONE;
  close(fd);
}

static void handshake(int fd) {
  char *request = requests[fd];
  ssize_t got = read(fd, request + request_bytes[fd], sizeof requests[fd] - 1 - request_bytes[fd]);
  if (got <= 0) return end(fd);
  request_bytes[fd] += (unsigned short)got;
  request[request_bytes[fd]] = 0;
  if (!strstr(request, "\r\n\r\n")) {
    if (request_bytes[fd] == sizeof requests[fd] - 1) end(fd);
    return;
  }
  char *key = strcasestr(request, "\r\nSec-WebSocket-Key: ");
  if (!key) return end(fd);
  char text[128];
  int length = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
  unsigned char digest[20];
  sha1(text, (size_t)length, digest);
  char accept[32], reply[256];
  base64(digest, 20, accept);
  int protocol = strcasestr(request, "\r\nSec-WebSocket-Protocol: parley") != NULL;
  length = snprintf(reply, sizeof reply,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                    accept, protocol ? "Sec-WebSocket-Protocol: parley\r\n" : "");
  if (write(fd, reply, (size_t)length) != length) return end(fd);
  if (strncmp(request, "GET /publish", 12) == 0) {
    kinds[fd] = PUBLISHER;
    pending_bytes = 0;
    return;
  }
  kinds[fd] = READER;
  places[fd] = count;
  readers[count++] = fd;
}

static void broadcast(const unsigned char *payload, size_t length) {
  static unsigned char frame[BUFFER + 4];
  size_t head = 2;
  frame[0] = 0x81;
  if (length < 126) {
    frame[1] = (unsigned char)length;
  } else {
    frame[1] = 126;
    frame[2] = (unsigned char)(length >> 8);
    frame[3] = (unsigned char)length;
    head = 4;
  }
  memcpy(frame + head, payload, length);
  for (int i = count - 1; i >= 0; i--) {
    int fd = readers[i];
    if (write(fd, frame, head + length) != (ssize_t)(head + length)) end(fd);
  }
}

static void publish(int fd) {
  ssize_t got = read(fd, pending + pending_bytes, sizeof pending - pending_bytes);
  if (got <= 0) return end(fd);
  pending_bytes += (size_t)got;
  size_t at = 0;
  for (;;) {
    size_t left = pending_bytes - at, head = 6;
    if (left < 8) break;
    unsigned char *frame = pending + at;
    size_t length = frame[1] & 127;
    if (length == 126) length = (size_t)frame[2] << 8 | frame[3], head = 8;
    if (length > BUFFER) return end(fd);
    if (left < head + length) break;
    const unsigned char *mask = frame + head - 4;
    for (size_t i = 0; i < length; i++) frame[head + i] ^= mask[i & 3];
    if ((frame[0] & 15) == 1) broadcast(frame + head, length);
    at += head + length;
  }
  memmove(pending, pending + at, pending_bytes - at);
  pending_bytes -= at;
}

/* What readers send (heartbeats) is read and forgotten. */
static void forget(int fd) {
  unsigned char bytes[4096];
  if (read(fd, bytes, sizeof bytes) <= 0) end(fd);
}

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  int poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = 0;
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event events[1024];
    int ready = epoll_wait(poller, events, 1024, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == 0) {
        char bytes[64];
        if (read(0, bytes, sizeof bytes) <= 0) return 0;
      } else if (fd == listener) {
        /* One each turn: a listener that has more is reported again. */
        int one = 1, accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (accepted < 0) continue;
        if (accepted >= CONNECTIONS) {
          close(accepted);
          continue;
        }
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        kinds[accepted] = HANDSHAKE;
        request_bytes[accepted] = 0;
        event.data.fd = accepted;
        epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
      } else if (kinds[fd] == HANDSHAKE) {
        handshake(fd);
      } else if (kinds[fd] == PUBLISHER) {
        publish(fd);
      } else if (kinds[fd] == READER) {
        forget(fd);
      }
    }
  }
}
