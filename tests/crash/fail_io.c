// Makes writes and syncs of the real daemon fail on order. Preloaded (LD_PRELOAD) by the torture
// program, which also writes the orders, into a small file that is mapped here:
// BATCHSQL_FAIL_IO=control-file:prefix[:prefix]. Each prefix of paths has its own orders.
//
// A torn write and lost pages end the process at once, by SIGKILL, before anybody could have been
// told that the bytes are safe.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kPrefixes = 2, kFiles = 4096, kPage = 4096 };
enum Tear { kPrefixOnly = 1, kGarbage = 2, kLostPage = 3 };

// The layout is known to fail_io.py.
struct Orders {
  int32_t write_error;  // errno; 0: none
  int32_t write_after;  // calls that still succeed
  int32_t write_sticks; // 1: goes on failing; 0: once
  int32_t sync_error;
  int32_t sync_after;
  int32_t sync_sticks;
  int32_t tear;         // enum Tear; 0: none
  int32_t tear_after;
  int32_t write_failures;  // told back
  int32_t sync_failures;
  int32_t tears;
  int32_t random;
};

static struct Orders* orders;
static char prefixes[kPrefixes][PATH_MAX];
static struct { int64_t offset; int64_t size; } last_write[kFiles];  // by descriptor, since its sync

#define REAL(name)                                           \
  static __typeof__(&name) real_##name;                       \
  if (real_##name == NULL) real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void Begin(void) {
  const char* setting = getenv("BATCHSQL_FAIL_IO");
  if (setting == NULL) return;
  char* text = strdup(setting);
  char* rest = NULL;
  const char* control = strtok_r(text, ":", &rest);
  for (int i = 0; i < kPrefixes; ++i) {
    const char* prefix = strtok_r(NULL, ":", &rest);
    if (prefix != NULL) snprintf(prefixes[i], sizeof prefixes[i], "%s", prefix);
  }
  const int fd = control == NULL ? -1 : open(control, O_RDWR | O_CLOEXEC);
  void* mapped = fd < 0 ? MAP_FAILED
                        : mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    fprintf(stderr, "fail_io: %s: %s\n", setting, strerror(errno));
    abort();
  }
  close(fd);
  orders = mapped;
  free(text);
}

static struct Orders* OrdersFor(int fd) {
  if (orders == NULL) return NULL;
  const int saved = errno;
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  errno = saved;
  if (size <= 0) return NULL;
  path[size] = '\0';
  for (int i = 0; i < kPrefixes; ++i) {
    if (prefixes[i][0] != '\0' && strncmp(path, prefixes[i], strlen(prefixes[i])) == 0) {
      return &orders[i];
    }
  }
  return NULL;
}

// Whether this call is the one that an order waits for.
static int IsDue(int32_t wanted, int32_t* after) {
  return wanted != 0 &&
         __atomic_fetch_sub(after, 1, __ATOMIC_ACQ_REL) <= 0;
}

// 0, or the errno with which this write must fail.
static int WriteError(struct Orders* mine) {
  if (mine == NULL || !IsDue(mine->write_error, &mine->write_after)) return 0;
  const int error = mine->write_error;
  if (error != 0) __atomic_add_fetch(&mine->write_failures, 1, __ATOMIC_ACQ_REL);
  if (!mine->write_sticks) __atomic_store_n(&mine->write_error, 0, __ATOMIC_RELEASE);
  return error;
}

static void Die(struct Orders* mine) {
  __atomic_add_fetch(&mine->tears, 1, __ATOMIC_ACQ_REL);
  __atomic_store_n(&mine->tear, 0, __ATOMIC_RELEASE);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void WriteAt(int fd, const void* bytes, size_t size, off_t offset) {
  REAL(pwrite64);
  if (real_pwrite64(fd, bytes, size, offset) < 0) abort();
}

// Part of the bytes reach the file, or garbage in their place, and the process is gone.
static void TearWrite(struct Orders* mine, int fd, const struct iovec* parts, int count,
                      off_t offset) {
  if (mine == NULL || mine->tear == 0 || mine->tear == kLostPage ||
      !IsDue(mine->tear, &mine->tear_after)) {
    return;
  }
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += parts[i].iov_len;
  const size_t kept = total == 0 ? 0 : (uint32_t)mine->random % total;
  size_t done = 0;
  for (int i = 0; i < count && done < kept; ++i) {
    const size_t size = parts[i].iov_len < kept - done ? parts[i].iov_len : kept - done;
    WriteAt(fd, parts[i].iov_base, size, offset + (off_t)done);
    done += size;
  }
  if (mine->tear == kGarbage) {
    char garbage[512];
    for (size_t i = 0; i < sizeof garbage; ++i) {
      garbage[i] = (char)(((uint32_t)mine->random >> (i % 24)) * 31 + i);
    }
    const size_t rest = total - kept;
    WriteAt(fd, garbage, rest < sizeof garbage ? rest : sizeof garbage, offset + (off_t)kept);
  }
  Die(mine);
}

// What the disk had not been told to keep is partly gone: a page of the last write is zeros.
static void LosePage(struct Orders* mine, int fd) {
  if (mine->tear != kLostPage || fd >= kFiles || last_write[fd].size == 0 ||
      !IsDue(mine->tear, &mine->tear_after)) {
    return;
  }
  static const char zeros[kPage];
  const int64_t begin = last_write[fd].offset;
  const int64_t end = begin + last_write[fd].size;
  int64_t from = begin + (int64_t)((uint32_t)mine->random % (uint64_t)last_write[fd].size);
  from = from / kPage * kPage > begin ? from / kPage * kPage : begin;
  const int64_t to = (from / kPage + 1) * kPage < end ? (from / kPage + 1) * kPage : end;
  WriteAt(fd, zeros, (size_t)(to - from), from);
  Die(mine);
}

static void NoteWrite(int fd, int64_t offset, ssize_t size) {
  if (fd < 0 || fd >= kFiles || size <= 0) return;
  last_write[fd].offset = offset;
  last_write[fd].size = size;
}

static int SyncError(int fd) {
  struct Orders* mine = OrdersFor(fd);
  if (mine == NULL) return 0;
  LosePage(mine, fd);
  if (fd >= 0 && fd < kFiles) last_write[fd].size = 0;
  if (!IsDue(mine->sync_error, &mine->sync_after)) return 0;
  const int error = mine->sync_error;
  if (error != 0) __atomic_add_fetch(&mine->sync_failures, 1, __ATOMIC_ACQ_REL);
  if (!mine->sync_sticks) __atomic_store_n(&mine->sync_error, 0, __ATOMIC_RELEASE);
  return error;
}

static int Fail(int error) {
  errno = error;
  return -1;
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  REAL(pwritev);
  struct Orders* mine = OrdersFor(fd);
  const int error = WriteError(mine);
  if (error != 0) return Fail(error);
  TearWrite(mine, fd, parts, count, offset);
  const ssize_t size = real_pwritev(fd, parts, count, offset);
  if (mine != NULL) NoteWrite(fd, offset, size);
  return size;
}

ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t offset) {
  return pwritev(fd, parts, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  REAL(pwrite64);
  struct Orders* mine = OrdersFor(fd);
  const int error = WriteError(mine);
  if (error != 0) return Fail(error);
  const struct iovec part = {(void*)bytes, size};
  TearWrite(mine, fd, &part, 1, offset);
  const ssize_t written = real_pwrite64(fd, bytes, size, offset);
  if (mine != NULL) NoteWrite(fd, offset, written);
  return written;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return pwrite64(fd, bytes, size, offset);
}

// Appends know no offset: only errors are played here.
ssize_t write(int fd, const void* bytes, size_t size) {
  REAL(write);
  const int error = WriteError(OrdersFor(fd));
  return error != 0 ? Fail(error) : real_write(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  REAL(writev);
  const int error = WriteError(OrdersFor(fd));
  return error != 0 ? Fail(error) : real_writev(fd, parts, count);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  REAL(fallocate64);
  const int error = WriteError(OrdersFor(fd));
  return error != 0 ? Fail(error) : real_fallocate64(fd, mode, offset, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return fallocate64(fd, mode, offset, size);
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  REAL(posix_fallocate64);
  const int error = WriteError(OrdersFor(fd));
  return error != 0 ? error : real_posix_fallocate64(fd, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  return posix_fallocate64(fd, offset, size);
}

int fdatasync(int fd) {
  REAL(fdatasync);
  const int error = SyncError(fd);
  return error != 0 ? Fail(error) : real_fdatasync(fd);
}

int fsync(int fd) {
  REAL(fsync);
  const int error = SyncError(fd);
  return error != 0 ? Fail(error) : real_fsync(fd);
}
