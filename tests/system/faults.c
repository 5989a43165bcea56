/* Preloaded into the daemon. The file FAULTS holds two 64-bit numbers: the seconds by which the time of day is wrong,
   and the milliseconds that each fsync takes. They can be changed while the daemon runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *faults;

__attribute__((constructor)) static void open_faults(void) {
  const char *path = getenv("FAULTS");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *page = mmap(NULL, 2 * sizeof *faults, PROT_READ, MAP_SHARED, file, 0);
    faults = page == MAP_FAILED ? NULL : page;
    close(file);
  }
}

static int slow(const char *name, int file) {
  if (faults && faults[1]) usleep(1000 * faults[1]);
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return slow("fsync", file); }
int fdatasync(int file) { return slow("fdatasync", file); }

int clock_gettime(clockid_t clock, struct timespec *at) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, at);
  if (faults && clock == CLOCK_REALTIME) at->tv_sec += faults[0];
  return result;
}
