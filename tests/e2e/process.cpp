// See process.h.
#include "e2e/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pinion::e2e {

Program::Program(const std::vector<std::string>& arguments, int netns) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) std::abort();
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(fds[1], STDOUT_FILENO);
    dup2(fds[1], STDERR_FILENO);
    // Nothing of this process's is the program's: a daemon that is left over must hold no socket of
    // a later test's, nor the other end of one that waits for it to be closed.
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    if (netns < 0 || setns(netns, CLONE_NEWNET) == 0) execvp(argv[0], argv.data());
    std::fprintf(stderr, "%s: %s\n", argv[0], std::strerror(errno));
    _exit(127);
  }
  close(fds[1]);
  out_ = fds[0];
}

Program::~Program() {
  if (pid_ > 0) end(SIGKILL);
}

// False at the end of the output, or when nothing came for a while.
bool Program::read_some() {
  pollfd p{out_, POLLIN, 0};
  char bytes[4096];
  if (poll(&p, 1, kPatienceMs) <= 0) return false;
  const ssize_t n = read(out_, bytes, sizeof bytes);
  if (n > 0) output_.append(bytes, static_cast<size_t>(n));
  return n > 0;
}

bool Program::says(const std::string& text) {
  const int64_t end = now_ms() + kPatienceMs;
  while (output_.find(text) == std::string::npos)
    if (now_ms() > end || !read_some()) return false;
  return true;
}

int Program::end(int signal, int patience_ms) {
  if (signal != 0) kill(pid_, signal);
  while (read_some()) {
  }
  int status = 0;
  const bool ended = within(patience_ms, [&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
  }
  close(out_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Outcome run(const std::vector<std::string>& arguments, int patience_ms) {
  Program program(arguments);
  const int status = program.end(0, patience_ms);
  return {status, program.output()};
}

}  // namespace pinion::e2e
