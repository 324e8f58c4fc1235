// Preloaded into a server under test: while the file HELD_SYNC_HOLD is there, each sync waits, and makes the file HELD_SYNC_WAITS.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void wait_first(void) {
  const char *hold = getenv("HELD_SYNC_HOLD");
  const char *waits = getenv("HELD_SYNC_WAITS");
  while (hold && waits && access(hold, F_OK) == 0) {
    int made = open(waits, O_CREAT | O_WRONLY, 0600);
    if (made >= 0) close(made);
    usleep(1000);
  }
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_first();
  return real(fd);
}

int fdatasync(int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_first();
  return real(fd);
}
