// Preloaded into a server under test: the wall clock reads MOVED_CLOCK_FILE's offset later than it is. The file holds one
// 64-bit number of milliseconds, which may be changed at any time. Clocks that never jump are left alone. Waits until a
// moment of the moved clock are translated for the kernel, whose clock is not moved: they would end at once, again and again.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset_ms;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

// Moments of clocks that count from the start of the machine are below; those of the wall clock are above.
#define WALL_CLOCK_FROM 1000000000

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  // Where there are two versions the plain name finds the older one, which is for another layout of the structure.
  void *timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!timedwait) timedwait = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  real_cond_timedwait = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))timedwait;
  const char *path = getenv("MOVED_CLOCK_FILE");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (page != MAP_FAILED) offset_ms = page;
}

static void move(struct timespec *at, int64_t ms) {
  int64_t ns = at->tv_nsec + (ms % 1000) * 1000000;
  at->tv_sec += ms / 1000;
  if (ns < 0) {
    ns += 1000000000;
    at->tv_sec -= 1;
  } else if (ns >= 1000000000) {
    ns -= 1000000000;
    at->tv_sec += 1;
  }
  at->tv_nsec = ns;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  if (!real_clock_gettime) begin();
  int result = real_clock_gettime(clock, at);
  if (result != 0 || !offset_ms || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  move(at, *offset_ms);
  return 0;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
  if (!real_cond_timedwait) begin();
  struct timespec moment = *until;
  if (offset_ms && moment.tv_sec >= WALL_CLOCK_FROM) move(&moment, -*offset_ms);
  return real_cond_timedwait(cond, mutex, &moment);
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  (void)zone;
  struct timespec now;
  int result = clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return result;
}

time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
