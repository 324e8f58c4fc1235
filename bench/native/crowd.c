/*
 * A crowd of WebSocket readers and one who publishes to them, on one thread: what the server is loaded with in `fanout` and
 * `idle`. In C, so that the load costs less than what is loaded.
 *
 *   crowd PORT READERS TOKENS LIVE PUBLISH TEMPLATE
 *
 *   TOKENS    file with a token for each reader, one a line; the first one also publishes
 *   LIVE      what the last frame before a reader is live begins with; "" if it is live with the handshake
 *   PUBLISH   "ws", or the path that takes a POST
 *   TEMPLATE  file with the text to publish; each run of 20 "@" in it becomes a number that no other message has:
 *             nanoseconds of the monotonic clock when the message was due
 *
 * Prints "ready" when all are live. Then takes commands, a line each, until its input ends:
 *
 *   rounds K N   N times: publishes K messages at once, waits until every reader has all of them
 *   rate K N     N messages, K each second, whether or not the earlier ones have arrived
 *
 * and answers "done DELIVERIES NANOSECONDS P50 P99 MAX", the last three in microseconds from when a message was due until a
 * reader had it; or "lost EXPECTED SEEN" when 30 s pass without a delivery. Counts frames that begin with {"type":4, .
 * Each reader sends a heartbeat every 10 s, as real ones do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READERS_MAX 12000
#define PUBLISHERS_MAX 64
#define OPENING_MAX 100
#define SAMPLES_MAX (1 << 23)
#define STALLED_NS 30000000000ull
#define HEARTBEAT_NS 10000000000ull

enum state { OPENING, STARTING, LIVE, CLOSED };

struct reader {
  int fd;
  enum state state;
  unsigned carried;
  unsigned char *carry;
};

struct publisher {
  int fd, busy, left; /* left: bytes of the reply's body to come; -1: its head is incomplete */
  unsigned got;
  char reply[8192];
};

static struct reader readers[READERS_MAX];
static struct publisher publishers[PUBLISHERS_MAX];
static char (*tokens)[64];
static int wanted, opened, opening, live, publisher_count, poller, port;
static const char *live_mark, *target;
static char *template;
static uint64_t deliveries, last_delivery, last_number;
static uint32_t *samples;
static size_t sample_count;
static unsigned char incoming[1 << 18];

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int dial(uint64_t tag) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static void put(int fd, const void *bytes, size_t length) {
  /* Small against the socket's buffer, and blocking: whole or not at all. */
  if (write(fd, bytes, length) != (ssize_t)length) fail("write");
}

static void open_readers(void) {
  while (opened < wanted && opening < OPENING_MAX) {
    struct reader *reader = &readers[opened];
    reader->fd = dial((uint64_t)opened);
    reader->state = OPENING;
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Protocol: parley, %s\r\n\r\n",
                          port, tokens[opened]);
    put(reader->fd, request, (size_t)length);
    opened++, opening++;
  }
}

static void publish_socket(void) {
  publishers[0].fd = dial(READERS_MAX);
  publisher_count = 1;
  char request[512], reply[1024];
  int length = snprintf(request, sizeof request,
                        "GET /publish HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        port);
  put(publishers[0].fd, request, (size_t)length);
  if (read(publishers[0].fd, reply, sizeof reply) <= 0) fail("publisher's handshake");
}

/* The template with its number. */
static size_t fill(char *out, uint64_t due) {
  if (due <= last_number) due = last_number + 1;
  last_number = due;
  size_t length = strlen(template);
  memcpy(out, template, length + 1);
  char digits[24];
  snprintf(digits, sizeof digits, "%020llu", (unsigned long long)due);
  for (char *at = out; (at = strstr(at, "@@@@@@@@@@@@@@@@@@@@"));) memcpy(at, digits, 20);
  return length;
}

/* Adds one masked frame (with the mask 0) to a buffer. */
static size_t masked(unsigned char *out, const char *payload, size_t length) {
  size_t head = 2;
  out[0] = 0x81;
  if (length < 126) {
    out[1] = (unsigned char)(0x80 | length);
  } else {
    out[1] = 0x80 | 126, out[2] = (unsigned char)(length >> 8), out[3] = (unsigned char)length;
    head = 4;
  }
  memset(out + head, 0, 4);
  memcpy(out + head + 4, payload, length);
  return head + 4 + length;
}

static void post(struct publisher *publisher, uint64_t due) {
  char body[8192], request[9216];
  size_t length = fill(body, due);
  int size = snprintf(request, sizeof request,
                      "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                      target, port, tokens[0], length, body);
  publisher->busy = 1, publisher->left = -1, publisher->got = 0;
  put(publisher->fd, request, (size_t)size);
}

static struct publisher *free_publisher(void) {
  for (int i = 0; i < publisher_count; i++)
    if (!publishers[i].busy) return &publishers[i];
  if (publisher_count == PUBLISHERS_MAX) return NULL;
  struct publisher *publisher = &publishers[publisher_count];
  publisher->fd = dial((uint64_t)(READERS_MAX + publisher_count++));
  return publisher;
}

static void read_reply(struct publisher *publisher) {
  ssize_t got = read(publisher->fd, publisher->reply + publisher->got, sizeof publisher->reply - 1 - publisher->got);
  if (got <= 0) fail("the publisher's connection");
  publisher->got += (unsigned)got;
  publisher->reply[publisher->got] = 0;
  if (publisher->left < 0) {
    char *end = strstr(publisher->reply, "\r\n\r\n"), *size = strcasestr(publisher->reply, "\r\ncontent-length:");
    if (!end) return;
    if (strncmp(publisher->reply, "HTTP/1.1 201", 12) != 0 || !size) {
      fprintf(stderr, "crowd: the server answered: %s\n", publisher->reply);
      exit(1);
    }
    publisher->left = (int)(end + 4 - publisher->reply) + atoi(size + 17);
  }
  if ((int)publisher->got >= publisher->left) publisher->busy = 0;
}

static void frame(struct reader *reader, const unsigned char *payload, size_t length, uint64_t now) {
  if (reader->state != LIVE) {
    size_t mark = strlen(live_mark);
    if (length >= mark && memcmp(payload, live_mark, mark) == 0) {
      reader->state = LIVE;
      live++, opening--;
    }
    return;
  }
  if (length < 10 || memcmp(payload, "{\"type\":4,", 10) != 0) return;
  deliveries++;
  last_delivery = now;
  if ((reader - readers) % 4 != 0 || sample_count == SAMPLES_MAX) return;
  const unsigned char *at = memmem(payload, length, "t=", 2);
  if (!at || at + 22 > payload + length) return;
  uint64_t due = 0;
  for (int i = 2; i < 22; i++) due = due * 10 + (uint64_t)(at[i] - '0');
  samples[sample_count++] = (uint32_t)((now - due) / 1000);
}

static void read_frames(struct reader *reader) {
  if (reader->carried) memcpy(incoming, reader->carry, reader->carried);
  ssize_t got = read(reader->fd, incoming + reader->carried, sizeof incoming - reader->carried);
  if (got <= 0) {
    fprintf(stderr, "crowd: reader %ld was cut\n", (long)(reader - readers));
    reader->state = CLOSED;
    close(reader->fd);
    return;
  }
  uint64_t now = now_ns();
  size_t have = reader->carried + (size_t)got, at = 0;
  if (reader->state == OPENING) {
    const unsigned char *end = memmem(incoming, have, "\r\n\r\n", 4);
    if (end) {
      if (memcmp(incoming, "HTTP/1.1 101", 12) != 0) fail("a handshake was refused");
      at = (size_t)(end + 4 - incoming);
      reader->state = STARTING;
      if (!*live_mark) {
        reader->state = LIVE;
        live++, opening--;
      }
    }
  }
  while (reader->state != OPENING) {
    size_t left = have - at, head = 2;
    if (left < 2) break;
    size_t length = incoming[at + 1] & 127;
    if (length == 126) {
      if (left < 4) break;
      length = (size_t)incoming[at + 2] << 8 | incoming[at + 3], head = 4;
    } else if (length == 127) {
      if (left < 10) break;
      length = (size_t)incoming[at + 6] << 24 | (size_t)incoming[at + 7] << 16 | (size_t)incoming[at + 8] << 8 |
               incoming[at + 9];
      head = 10;
    }
    if (left < head + length) break;
    if ((incoming[at] & 15) == 1) frame(reader, incoming + at + head, length, now);
    at += head + length;
  }
  reader->carried = (unsigned)(have - at);
  if (reader->carried == 0) {
    free(reader->carry);
    reader->carry = NULL;
  } else {
    unsigned char *carry = malloc(reader->carried);
    memcpy(carry, incoming + at, reader->carried);
    free(reader->carry);
    reader->carry = carry;
  }
}

/* Heartbeats of all readers, spread over the ten seconds. */
static void heartbeats(uint64_t now) {
  static const unsigned char beat[] = {0x81, 0x80 | 10, 0, 0, 0, 0, '{', '"', 't', 'y', 'p', 'e', '"', ':', '2', '}'};
  static uint64_t began, sent;
  if (!*live_mark || live == 0) return;
  if (!began) began = now;
  uint64_t due = (uint64_t)((double)(now - began) * wanted / HEARTBEAT_NS);
  /* After a long turn the missed ones are not made up for at once. */
  if (due > sent + (uint64_t)wanted) sent = due - (uint64_t)wanted;
  for (; sent < due; sent++) {
    struct reader *reader = &readers[sent % (uint64_t)wanted];
    if (reader->state == LIVE) put(reader->fd, beat, sizeof beat);
  }
}

static char *turn(int timeout_ms) {
  static char input[4096];
  static size_t input_bytes, taken;
  memmove(input, input + taken, input_bytes - taken);
  input_bytes -= taken, taken = 0;
  struct epoll_event events[1024];
  int ready = epoll_wait(poller, events, 1024, timeout_ms);
  char *line = NULL;
  for (int i = 0; i < ready; i++) {
    uint64_t tag = events[i].data.u64;
    if (tag == UINT64_MAX) {
      ssize_t got = read(0, input + input_bytes, sizeof input - input_bytes);
      if (got <= 0) exit(0);
      input_bytes += (size_t)got;
    } else if (tag >= READERS_MAX) {
      struct publisher *publisher = &publishers[tag - READERS_MAX];
      if (strcmp(target, "ws") == 0) {
        if (read(publisher->fd, incoming, sizeof incoming) <= 0) fail("the publisher's connection");
      } else {
        read_reply(publisher);
      }
    } else if (readers[tag].state != CLOSED) {
      read_frames(&readers[tag]);
    }
  }
  char *end = memchr(input, '\n', input_bytes);
  if (end) {
    *end = 0;
    line = input;
    taken = (size_t)(end + 1 - input);
  }
  heartbeats(now_ns());
  return line;
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static int stalled(uint64_t expected) {
  if (now_ns() - last_delivery < STALLED_NS) return 0;
  printf("lost %llu %llu\n", (unsigned long long)expected, (unsigned long long)deliveries);
  fflush(stdout);
  return 1;
}

static void begin(void) {
  deliveries = 0, sample_count = 0;
  last_delivery = now_ns();
}

static void report(uint64_t began) {
  uint64_t elapsed = last_delivery - began;
  qsort(samples, sample_count, sizeof *samples, by_size);
  uint32_t p50 = 0, p99 = 0, most = 0;
  if (sample_count) p50 = samples[sample_count / 2], p99 = samples[sample_count * 99 / 100], most = samples[sample_count - 1];
  printf("done %llu %llu %u %u %u\n", (unsigned long long)deliveries, (unsigned long long)elapsed, p50, p99, most);
  fflush(stdout);
}

static int any_busy(void) {
  for (int i = 0; i < publisher_count; i++)
    if (publishers[i].busy) return 1;
  return 0;
}

/* K messages by the publisher's socket, in one write. */
static void send_frames(int k, uint64_t due) {
  static unsigned char frames[PUBLISHERS_MAX * 8300];
  size_t length = 0;
  for (int i = 0; i < k; i++) {
    char text[8192];
    size_t bytes = fill(text, due);
    length += masked(frames + length, text, bytes);
  }
  put(publishers[0].fd, frames, length);
}

static void publish_at_once(int k) {
  if (strcmp(target, "ws") == 0) return send_frames(k, now_ns());
  for (int i = 0; i < k; i++) {
    struct publisher *publisher = free_publisher();
    if (!publisher) fail("more at once than publishers");
    post(publisher, now_ns());
  }
}

static void rounds(int k, int n) {
  begin();
  uint64_t began = now_ns(), expected = 0;
  for (int round = 0; round < n; round++) {
    expected += (uint64_t)k * (uint64_t)wanted;
    publish_at_once(k);
    while (deliveries < expected || any_busy()) {
      turn(100);
      if (stalled(expected)) return;
    }
  }
  report(began);
}

static void rate(int per_second, int n) {
  begin();
  uint64_t began = now_ns(), expected = (uint64_t)n * (uint64_t)wanted;
  int sent = 0;
  while (deliveries < expected || any_busy()) {
    uint64_t now = now_ns();
    while (sent < n) {
      uint64_t due = began + (uint64_t)sent * 1000000000u / (uint64_t)per_second;
      if (due > now) break;
      if (strcmp(target, "ws") == 0) {
        send_frames(1, due);
      } else {
        struct publisher *publisher = free_publisher();
        if (!publisher) break;
        post(publisher, due);
      }
      sent++;
    }
    turn(1);
    if (stalled(expected)) return;
  }
  report(began);
}

int main(int argc, char **argv) {
  if (argc != 7) return fprintf(stderr, "crowd PORT READERS TOKENS LIVE PUBLISH TEMPLATE\n"), 2;
  port = atoi(argv[1]), wanted = atoi(argv[2]), live_mark = argv[4], target = argv[5];
  if (wanted < 1 || wanted > READERS_MAX) return fprintf(stderr, "crowd: 1 to %d readers\n", READERS_MAX), 2;
  samples = malloc(SAMPLES_MAX * sizeof *samples);
  tokens = calloc((size_t)wanted, sizeof *tokens);
  FILE *file = fopen(argv[3], "r");
  if (!file) fail("TOKENS");
  for (int i = 0; i < wanted; i++)
    if (fscanf(file, "%63s", tokens[i]) != 1) fail("TOKENS has too few");
  fclose(file);
  file = fopen(argv[6], "r");
  if (!file) fail("TEMPLATE");
  template = calloc(1, 4096);
  if (fread(template, 1, 4095, file) == 0) fail("TEMPLATE");
  fclose(file);

  poller = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &event);
  if (strcmp(target, "ws") == 0) publish_socket();
  while (live < wanted) {
    open_readers();
    turn(100);
  }
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    char *line = turn(100);
    int k, n;
    if (!line) continue;
    if (sscanf(line, "rounds %d %d", &k, &n) == 2) rounds(k, n);
    else if (sscanf(line, "rate %d %d", &k, &n) == 2) rate(k, n);
    else fprintf(stderr, "crowd: unknown command: %s\n", line);
  }
}
