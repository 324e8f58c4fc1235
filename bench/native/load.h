/*
 * What the programs share that play many clients on one thread: the clock, connections, the publisher, counts, and the
 * commands that take a measure. They are in C so that the load costs less than what is loaded.
 *
 * A program that includes this defines `turn` (waits for events, returns a command or NULL), `publish` (one message; 0 when
 * it has to wait) and `publishing` (whether an answer is outstanding), and reads PORT, READERS, TOKENS and TEMPLATE by
 * `load_begin`.
 *
 * Commands, a line each, which all of them take:
 *
 *   window RATE LEAD SECONDS RECIPIENTS
 *       publishes RATE messages a second for LEAD + SECONDS, each of which RECIPIENTS readers get; prints "begin" after LEAD
 *       and "end" at the end, then waits for what is on its way and answers
 *       "done SEEN EXPECTED DISORDERED DELIVERIES REQUESTS OUT IN P50 P99 MAX": all deliveries and those that had to come,
 *       those whose number was not the next, and from "begin" to "end" deliveries, HTTP requests, and bytes on the readers'
 *       sockets; then microseconds from when a message was due until a reader had it
 *
 *   pause
 *       answers "paused", then neither reads nor sends anything until the line "go"
 *
 *   bytes
 *       answers "bytes N": what the readers have got so far
 *
 * "lost EXPECTED SEEN" is the answer when 30 s pass without a delivery.
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
#include <time.h>
#include <unistd.h>

#define READERS_MAX 12000
#define PUBLISHERS_MAX 64
#define SAMPLES_MAX (1 << 23)
#define FAR_MAX (1 << 20)
#define PORTS_MAX 8
#define STALLED_NS 30000000000ull

struct publisher {
  int fd, busy, left; /* left: bytes of the reply's body to come; -1: its head is incomplete */
  unsigned got;
  uint64_t due; /* the number of the message that it has sent last */
  char reply[8192];
};

/* That something happened to the message with this number. */
struct moment {
  uint64_t due, at;
};

struct counts {
  uint64_t deliveries, requests, out, in;
};

static struct publisher publishers[PUBLISHERS_MAX];
static char (*tokens)[64];
static int wanted, publisher_count, poller, ports[PORTS_MAX], port_count;
static const char *target;
static char *template;
static struct counts counts;
static uint64_t last_delivery, last_number, disordered;
static uint32_t *samples;
static size_t sample_count;
/* Answers, and arrivals at readers on other nodes than the publisher's. */
static struct moment *answers, *arrivals;
static size_t answer_count, arrival_count;
/* Whether each frame's number is looked at, which takes time. */
static int checking;
static unsigned char incoming[1 << 18];

static char *turn(int timeout_ms);
static int publish(uint64_t due);
static int publishing(void);

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void fail(const char *what) {
  fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
  exit(1);
}

/* Readers are spread over the nodes in turn; publishers ask the first one. */
static inline int port_of(uint64_t tag) { return ports[tag < READERS_MAX ? tag % (uint64_t)port_count : 0]; }

static inline int dial(uint64_t tag) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(tag))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  /* Real clients have addresses of their own, and the server bounds what one address asks at once. */
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)tag % 1000)};
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static inline void put_uncounted(int fd, const void *bytes, size_t length) {
  /* Small against the socket's buffer, and blocking: whole or not at all. */
  if (write(fd, bytes, length) != (ssize_t)length) fail("write");
}

/* What a reader sends. */
static inline void put(int fd, const void *bytes, size_t length) {
  put_uncounted(fd, bytes, length);
  counts.out += length;
}

/* The template with its number. */
static inline size_t fill(char *out, uint64_t due) {
  if (due <= last_number) due = last_number + 1;
  last_number = due;
  size_t length = strlen(template);
  memcpy(out, template, length + 1);
  char digits[24];
  snprintf(digits, sizeof digits, "%020llu", (unsigned long long)due);
  for (char *at = out; (at = strstr(at, "@@@@@@@@@@@@@@@@@@@@"));) memcpy(at, digits, 20);
  return length;
}

static inline void post(struct publisher *publisher, uint64_t due) {
  char body[8192], request[9216];
  size_t length = fill(body, due);
  int size = snprintf(request, sizeof request,
                      "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                      target, ports[0], tokens[0], length, body);
  publisher->due = last_number;
  publisher->busy = 1, publisher->left = -1, publisher->got = 0;
  put_uncounted(publisher->fd, request, (size_t)size);
}

static inline struct publisher *free_publisher(void) {
  int i = 0;
  while (i < publisher_count && publishers[i].busy) i++;
  if (i == PUBLISHERS_MAX) return NULL;
  if (i == publisher_count) publishers[publisher_count++].fd = -1;
  if (publishers[i].fd < 0) publishers[i].fd = dial((uint64_t)(READERS_MAX + i));
  return &publishers[i];
}

static inline void read_reply(struct publisher *publisher) {
  ssize_t got = read(publisher->fd, publisher->reply + publisher->got, sizeof publisher->reply - 1 - publisher->got);
  if (got == 0 && !publisher->busy) {
    /* The server ends connections that were not used for a while. */
    close(publisher->fd);
    publisher->fd = -1;
    return;
  }
  if (got <= 0) fail("the publisher's connection");
  publisher->got += (unsigned)got;
  publisher->reply[publisher->got] = 0;
  if (publisher->left < 0) {
    char *end = strstr(publisher->reply, "\r\n\r\n"), *size = strcasestr(publisher->reply, "\r\ncontent-length:");
    if (!end) return;
    if (strncmp(publisher->reply, "HTTP/1.1 201", 12) != 0 || !size) {
      fprintf(stderr, "%s: the server answered: %s\n", program_invocation_short_name, publisher->reply);
      exit(1);
    }
    publisher->left = (int)(end + 4 - publisher->reply) + atoi(size + 17);
  }
  if ((int)publisher->got < publisher->left) return;
  publisher->busy = 0;
  if (port_count > 1 && answer_count < FAR_MAX) answers[answer_count++] = (struct moment){publisher->due, now_ns()};
}

static inline int any_busy(void) {
  for (int i = 0; i < publisher_count; i++)
    if (publishers[i].busy) return 1;
  return 0;
}

/* A reader got a MESSAGE frame. `seq`: the number of the last one it got, 0 before the first. */
static inline void delivered(const unsigned char *frame, size_t length, int reader, uint64_t *seq, uint64_t now) {
  counts.deliveries++;
  last_delivery = now;
  if (checking) {
    const unsigned char *at = memmem(frame, length < 80 ? length : 80, "\"seq\":", 6);
    uint64_t number = at ? strtoull((const char *)at + 6, NULL, 10) : 0;
    if (*seq && number != *seq + 1) disordered++;
    *seq = number;
  }
  if (reader / port_count % 4 != 0 || sample_count == SAMPLES_MAX) return;
  const unsigned char *at = memmem(frame, length, "t=", 2);
  if (!at || at + 22 > frame + length) return;
  uint64_t due = 0;
  for (int i = 2; i < 22; i++) due = due * 10 + (uint64_t)(at[i] - '0');
  samples[sample_count++] = (uint32_t)((now - due) / 1000);
  if (reader % port_count != 0 && arrival_count < FAR_MAX) arrivals[arrival_count++] = (struct moment){due, now};
}

static inline int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static inline int by_due(const void *a, const void *b) {
  uint64_t x = ((const struct moment *)a)->due, y = ((const struct moment *)b)->due;
  return (x > y) - (x < y);
}

static inline int stalled(uint64_t expected) {
  if (now_ns() - last_delivery < STALLED_NS) return 0;
  printf("lost %llu %llu\n", (unsigned long long)expected, (unsigned long long)counts.deliveries);
  fflush(stdout);
  return 1;
}

static inline void begin(void) {
  counts.deliveries = 0, sample_count = 0, disordered = 0, answer_count = 0, arrival_count = 0;
  last_delivery = now_ns();
}

/* Prints P50 P99 MAX, in microseconds from an answer until a reader on another node had the message; 0 if it came before the answer. */
static inline void print_far(void) {
  static uint32_t far[FAR_MAX];
  size_t count = 0;
  qsort(answers, answer_count, sizeof *answers, by_due);
  for (size_t i = 0; i < arrival_count; i++) {
    struct moment *answer = bsearch(&arrivals[i], answers, answer_count, sizeof *answers, by_due);
    if (answer) far[count++] = arrivals[i].at > answer->at ? (uint32_t)((arrivals[i].at - answer->at) / 1000) : 0;
  }
  qsort(far, count, sizeof *far, by_size);
  if (count) printf(" %u %u %u", far[count / 2], far[count * 99 / 100], far[count - 1]);
  else printf(" 0 0 0");
}

/* Prints P50 P99 MAX and ends the line. */
static inline void print_delays(void) {
  qsort(samples, sample_count, sizeof *samples, by_size);
  uint32_t p50 = 0, p99 = 0, most = 0;
  if (sample_count) p50 = samples[sample_count / 2], p99 = samples[sample_count * 99 / 100], most = samples[sample_count - 1];
  printf(" %u %u %u\n", p50, p99, most);
  fflush(stdout);
}

static inline void say(const char *line) {
  printf("%s\n", line);
  fflush(stdout);
}

static inline void window(double rate, double lead, double seconds, int recipients) {
  begin();
  checking = 1;
  uint64_t began = now_ns(), first = began + (uint64_t)(lead * 1e9), end = first + (uint64_t)(seconds * 1e9);
  int sent = 0, messages = (int)((lead + seconds) * rate), phase = 0;
  uint64_t expected = (uint64_t)messages * (uint64_t)recipients;
  struct counts at_first = counts, at_end = counts;
  while (phase < 2 || sent < messages || counts.deliveries < expected || publishing()) {
    uint64_t now = now_ns();
    if (phase == 0 && now >= first) at_first = counts, phase = 1, say("begin");
    if (phase == 1 && now >= end) at_end = counts, phase = 2, say("end");
    while (sent < messages) {
      uint64_t due = began + (uint64_t)(((double)sent + 0.5) / rate * 1e9);
      if (due > now || !publish(due)) break;
      /* Not stalled because nothing was due for so long. */
      if (counts.deliveries == (uint64_t)sent * (uint64_t)recipients) last_delivery = now;
      sent++;
    }
    turn(1);
    if (phase == 2 && counts.deliveries < expected && stalled(expected)) return;
  }
  checking = 0;
  printf("done %llu %llu %llu %llu %llu %llu %llu", (unsigned long long)counts.deliveries, (unsigned long long)expected,
         (unsigned long long)disordered, (unsigned long long)(at_end.deliveries - at_first.deliveries),
         (unsigned long long)(at_end.requests - at_first.requests), (unsigned long long)(at_end.out - at_first.out),
         (unsigned long long)(at_end.in - at_first.in));
  print_delays();
}

static inline void pause_until_told(void) {
  char byte = 0, before;
  say("paused");
  /* Byte by byte: what comes after it is the next command. */
  do {
    before = byte;
    if (read(0, &byte, 1) <= 0) exit(0);
  } while (before != 'o' || byte != '\n');
}

/* Whether the line was a command that all programs take, and it was done. */
static inline int common_command(const char *line) {
  double rate, lead, seconds;
  int recipients;
  if (strcmp(line, "pause") == 0) return pause_until_told(), 1;
  if (strcmp(line, "bytes") == 0) return printf("bytes %llu\n", (unsigned long long)counts.in), fflush(stdout), 1;
  if (sscanf(line, "window %lf %lf %lf %d", &rate, &lead, &seconds, &recipients) != 4) return 0;
  window(rate, lead, seconds, recipients);
  return 1;
}

/* Waits for events, a command in the standard input among them: returns it, or NULL. */
static inline char *wait_for(int timeout_ms, void (*on_event)(uint64_t tag)) {
  static char input[4096];
  static size_t input_bytes, taken;
  memmove(input, input + taken, input_bytes - taken);
  input_bytes -= taken, taken = 0;
  struct epoll_event events[1024];
  int ready = epoll_wait(poller, events, 1024, timeout_ms);
  for (int i = 0; i < ready; i++) {
    if (events[i].data.u64 != UINT64_MAX) {
      on_event(events[i].data.u64);
      continue;
    }
    ssize_t got = read(0, input + input_bytes, sizeof input - input_bytes);
    if (got <= 0) exit(0);
    input_bytes += (size_t)got;
  }
  char *end = memchr(input, '\n', input_bytes);
  if (!end) return NULL;
  *end = 0;
  taken = (size_t)(end + 1 - input);
  return input;
}

/* Arguments: PORT[,PORT…] READERS TOKENS (one's own) PUBLISH TEMPLATE */
static inline void load_begin(char **argv) {
  for (char *at = argv[1]; at && port_count < PORTS_MAX; at = strchr(at, ',')) ports[port_count++] = atoi(at += *at == ',');
  wanted = atoi(argv[2]), target = argv[5];
  if (wanted < 1 || wanted > READERS_MAX) {
    fprintf(stderr, "%s: 1 to %d readers\n", argv[0], READERS_MAX);
    exit(2);
  }
  samples = malloc(SAMPLES_MAX * sizeof *samples);
  answers = malloc(FAR_MAX * sizeof *answers), arrivals = malloc(FAR_MAX * sizeof *arrivals);
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
}
