// The venue simulator's program over loopback, in a network namespace of this process: it ends with
// the process, and the program by a signal. PINION_EXCHANGE_SIM is its path.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "exchange-sim/sockets.h"

namespace pinion::exchange {

// Once in this process. False: not allowed here.
inline bool enter_namespace() {
  static const bool entered = [] {
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const Fd fd(socket(AF_INET, SOCK_DGRAM, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    return ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
  }();
  return entered;
}

// The program, its commands and what it prints.
class Simulator {
 public:
  using Places = std::map<std::string, sockaddr_in>;
  explicit Simulator(std::vector<std::string> options, const Places& ports = {}) {
    int out[2], in[2];
    EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
    options.insert(options.begin(), PINION_EXCHANGE_SIM);
    options.emplace_back("--commands");
    // A successor takes its predecessor's ports.
    for (const std::string server : {"ouch", "glimpse", "retransmit"}) {
      const auto at = ports.find(server);
      options.push_back("--" + server + "-port");
      options.push_back(std::to_string(at == ports.end() ? 0 : ntohs(at->second.sin_port)));
    }
    std::vector<char*> argv;
    for (std::string& o : options) argv.push_back(o.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      dup2(in[0], STDIN_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(out[1]);
    close(in[0]);
    out_ = Fd(out[0]);
    in_ = Fd(in[1]);
    std::istringstream words(line());
    std::string word, name, place;
    words >> word;
    EXPECT_EQ(word, "ready");
    while (words >> name >> place) places[name] = parse_endpoint(place);
  }
  ~Simulator() {
    if (pid_ > 0) finish();
  }
  Simulator(const Simulator&) = delete;

  // Ends it by SIGTERM and returns the rest of what it printed.
  std::string finish() {
    kill(pid_, SIGTERM);
    std::string rest;
    for (std::string l = line(); !l.empty(); l = line()) rest += l + "\n";
    int status = -1;
    waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    pid_ = -1;
    return rest;
  }
  void interrupt() { kill(pid_, SIGTERM); }
  void command(const std::string& text) {
    EXPECT_EQ(write(in_.get(), (text + "\n").data(), text.size() + 1),
              static_cast<ssize_t>(text.size() + 1));
    EXPECT_EQ(line(), "did " + text);
  }

  void kill_now() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  Places places;

 private:
  std::string line() {
    std::string out;
    char c = 0;
    while (read(out_.get(), &c, 1) == 1 && c != '\n') out += c;
    return out;
  }
  pid_t pid_ = -1;
  Fd out_, in_;
};

}  // namespace pinion::exchange
