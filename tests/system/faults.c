/* Preloaded into the daemon. The file FAULTS holds three 64-bit numbers: the seconds by which the time of day is
   wrong, the milliseconds that each fsync takes, and 1 while the kernel says that the clock is not synchronised. They
   can be changed while the daemon runs. Without the last one the clock counts as synchronised, whatever it is. A file with the content of a
   struct v4l2_capability is a video device with these capabilities. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *faults;

__attribute__((constructor)) static void open_faults(void) {
  const char *path = getenv("FAULTS");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    void *page = mmap(NULL, 3 * sizeof *faults, PROT_READ, MAP_SHARED, file, 0);
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

int adjtimex(struct timex *clock) {
  (void)clock;
  return faults && !faults[2] ? TIME_OK : TIME_ERROR;
}

int ioctl(int file, unsigned long request, ...) {
  va_list more;
  va_start(more, request);
  void *content = va_arg(more, void *);
  va_end(more);
  struct stat about;
  size_t size = sizeof(struct v4l2_capability);
  if ((uint32_t)request == VIDIOC_QUERYCAP && fstat(file, &about) == 0 && S_ISREG(about.st_mode))
    return pread(file, content, size, 0) == (ssize_t)size ? 0 : -1;
  return ((int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl"))(file, request, content);
}
