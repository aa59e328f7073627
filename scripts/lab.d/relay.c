/* relay ROOT JOB: process 1 of the lab's machine once ROOT, the shared tree, is mounted. Makes ROOT
 * the root folder, runs the command that folder JOB describes, and carries its input, output and
 * exit status over the virtio port that scripts/lab holds the other end of.
 *
 * JOB has: argv and environ (strings, each ended by a zero byte), cwd (a path).
 *
 * Both directions are frames: a type byte, a 32-bit little-endian length, that many bytes.
 *   to the host    R the command runs   O, E output and error output   X exit status (int32)
 *   to the guest   I input   C end of input   K signal (int32)   N nothing: only its interrupt
 * counts
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  kHeader = 5,
  kChunk = 4096, /* not above PIPE_BUF: a pipe that polls writable then takes a frame whole */
  kExecFailed = 127,
  kSettleMs =
      200, /* how long output may pause once the command is gone, before it counts as done */
};

static const char kPort[] = "/dev/vport0p1";

static void fail(const char* what) {
  fprintf(stderr, "lab-relay: %s: %s\n", what, strerror(errno));
  exit(1); /* the kernel panics, the host sees why in the log */
}

static void write_all(int fd, const void* data, size_t size) {
  const char* at = data;
  while (size > 0) {
    ssize_t written = write(fd, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    at += written;
    size -= (size_t)written;
  }
}

static void send_frame(int port, char type, const void* data, uint32_t size) {
  char frame[kHeader + kChunk];
  frame[0] = type;
  memcpy(frame + 1, &size, sizeof size);
  memcpy(frame + kHeader, data, size);
  write_all(port, frame, kHeader + size);
}

static char* read_file(const char* folder, const char* name, size_t* size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) fail(path);
  char* text = calloc(1, (size_t)status.st_size + 1);
  if (text == NULL) fail(path);
  *size = 0;
  ssize_t count;
  while ((count = read(fd, text + *size, (size_t)status.st_size - *size)) > 0) {
    *size += (size_t)count;
  }
  close(fd);
  return text;
}

/* The strings of file NAME as a vector that ends with NULL. */
static char** read_strings(const char* folder, const char* name) {
  size_t size;
  char* text = read_file(folder, name, &size);
  size_t count = 0;
  for (size_t i = 0; i < size; ++i) count += text[i] == '\0';
  char** strings = calloc(count + 1, sizeof *strings);
  if (strings == NULL) fail(name);
  for (size_t i = 0; i < count; ++i) {
    strings[i] = text;
    text += strlen(text) + 1;
  }
  return strings;
}

static void enter(const char* root) {
  if (chdir(root) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0) {
    fail("cannot enter the shared tree");
  }
}

static void run_command(const char* job, int pipes[3][2]) {
  size_t size;
  char** argv = read_strings(job, "argv");
  char** environment = read_strings(job, "environ");
  char* cwd = read_file(job, "cwd", &size);
  setsid();
  signal(SIGPIPE, SIG_DFL);
  dup2(pipes[0][0], 0);
  dup2(pipes[1][1], 1);
  dup2(pipes[2][1], 2);
  if (chdir(cwd) != 0) {
    dprintf(2, "lab: cannot enter %s: %s\n", cwd, strerror(errno));
    _exit(kExecFailed);
  }
  environ = environment;
  execvp(argv[0], argv);
  dprintf(2, "lab: cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(errno == ENOENT ? kExecFailed : 126);
}

static pid_t start(const char* job, int ends[3]) {
  int pipes[3][2];
  for (int i = 0; i < 3; ++i) {
    if (pipe2(pipes[i], O_CLOEXEC) != 0) fail("pipe");
  }
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) run_command(job, pipes);
  close(pipes[0][0]);
  close(pipes[1][1]);
  close(pipes[2][1]);
  ends[0] = pipes[0][1];
  ends[1] = pipes[1][0];
  ends[2] = pipes[2][0];
  return child;
}

/* Collects what has ended; true once CHILD is among it. */
static int reap(pid_t child, int32_t* status) {
  int done = 0;
  int state;
  pid_t pid;
  while ((pid = waitpid(-1, &state, WNOHANG)) > 0) {
    if (pid != child) continue;
    done = 1;
    *status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  }
  return done;
}

static int read_exactly(int fd, void* data, size_t size) {
  char* at = data;
  while (size > 0) {
    ssize_t count = read(fd, at, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    at += count;
    size -= (size_t)count;
  }
  return 1;
}

/* Handles one frame of the host. False once the host is gone. */
static int take_frame(int port, int* input, pid_t child) {
  char header[kHeader];
  char data[kChunk];
  uint32_t size;
  if (!read_exactly(port, header, sizeof header)) return 0;
  memcpy(&size, header + 1, sizeof size);
  if (size > sizeof data || !read_exactly(port, data, size)) return 0;
  if (header[0] == 'I' && *input >= 0) write_all(*input, data, size);
  if (header[0] == 'C' && *input >= 0) {
    close(*input);
    *input = -1;
  }
  if (header[0] == 'K' && size == sizeof(int32_t)) {
    int32_t number;
    memcpy(&number, data, sizeof number);
    kill(-child, number);
  }
  return 1;
}

/* Carries what one output of the command has to say; closes it at its end. */
static void carry(int port, char type, int* end) {
  char data[kChunk];
  ssize_t count = read(*end, data, sizeof data);
  if (count > 0) {
    send_frame(port, type, data, (uint32_t)count);
  } else if (count == 0 || errno != EINTR) {
    close(*end);
    *end = -1;
  }
}

/* Whether a frame of input can be passed on without blocking. */
static int takes_input(int input) {
  struct pollfd poller = {.fd = input, .events = POLLOUT};
  return input < 0 || poll(&poller, 1, 0) > 0;
}

static int32_t relay(int port, int ends[3], pid_t child) {
  int32_t status = 0;
  int done = 0;
  while (!done || ends[1] >= 0 || ends[2] >= 0) {
    int listen = !done && takes_input(ends[0]);
    struct pollfd polls[3] = {{.fd = ends[1], .events = POLLIN},
                              {.fd = ends[2], .events = POLLIN},
                              {.fd = listen ? port : -1, .events = POLLIN}};
    int ready = poll(polls, 3, kSettleMs);
    if (ready == 0 && done) break; /* something that it left behind keeps the pipes open */
    if (ready > 0 && polls[0].revents != 0) carry(port, 'O', &ends[1]);
    if (ready > 0 && polls[1].revents != 0) carry(port, 'E', &ends[2]);
    if (ready > 0 && (polls[2].revents & POLLIN) != 0) take_frame(port, &ends[0], child);
    done = reap(child, &status) || done;
  }
  return status;
}

static void on_child(int number) { (void)number; /* ends poll() early */ }

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  enter(argv[1]);
  int port = open(kPort, O_RDWR | O_CLOEXEC);
  if (port < 0) fail(kPort);
  struct sigaction action = {.sa_handler = on_child};
  sigaction(SIGCHLD, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  int ends[3];
  pid_t child = start(argv[2], ends);
  send_frame(port, 'R', "", 0);
  int32_t status = relay(port, ends, child);
  sync();
  send_frame(port, 'X', &status, sizeof status);
  for (;;) {
    reap(-1, &status);
    pause();
  }
}
