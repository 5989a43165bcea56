/* Preloaded into the daemon: fsync takes FAULT_FSYNC_MS, and the time of day is wrong by the seconds (a 64-bit number)
   in the file FAULT_CLOCK. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift;

__attribute__((constructor)) static void open_clock(void) {
  const char *path = getenv("FAULT_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *page = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    shift = page == MAP_FAILED ? NULL : page;
    close(file);
  }
}

static int slow(const char *name, int file) {
  const char *ms = getenv("FAULT_FSYNC_MS");
  if (ms) usleep(1000 * atoi(ms));
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, at);
  if (shift && clock == CLOCK_REALTIME) at->tv_sec += *shift;
  return result;
}
