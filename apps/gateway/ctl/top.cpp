// See top.h.
#include "gateway/ctl/top.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gateway/ctl/table.h"

namespace pinion::gatewayctl {

namespace {

constexpr timespec kBetween{1, 0};

volatile sig_atomic_t stopped = 0;

// Keys come one by one and unseen while this lives, if stdin is a terminal.
class Keys {
 public:
  Keys() : are_keys_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!are_keys_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  ~Keys() {
    if (are_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  // Waits for a key or a signal, a second at most. True: it is to end. `signals`: what may come in
  // only here, so that none is missed just before.
  bool wait(const sigset_t& signals) const {
    pollfd fd{are_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
    char key = 0;
    const bool pressed = ppoll(&fd, 1, &kBetween, &signals) > 0;
    if (pressed && read(STDIN_FILENO, &key, 1) <= 0) return true;
    return stopped != 0 || key == 'q';
  }

 private:
  termios before_{};
  bool are_keys_;
};

// As many lines as the terminal has, over what stood there: no flicker, no scrolling.
void repaint(const std::string& text) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
  auto lines = std::count(text.begin(), text.end(), '\n');
  if (known) lines = std::min<decltype(lines)>(lines, size.ws_row - 1);
  std::string out = "\033[H";
  size_t at = 0;
  for (; lines > 0; --lines) {
    const size_t end = text.find('\n', at);
    out.append(text, at, end - at);
    out += "\033[K\n";
    at = end + 1;
  }
  out += "\033[J";
  std::fputs(out.c_str(), stdout);
}

sigset_t take_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  sigset_t ours, before;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM}) {
    sigaction(signal, &action, nullptr);
    sigaddset(&ours, signal);
  }
  sigprocmask(SIG_BLOCK, &ours, &before);
  sigdelset(&before, SIGINT);
  sigdelset(&before, SIGTERM);
  return before;
}

}  // namespace

Status top(Client& client) {
  const sigset_t signals = take_signals();
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  const Keys keys;
  if (terminal) std::fputs("\033[2J", stdout);
  for (;;) {
    std::vector<std::string> lines;
    std::string why;
    const Status status = client.ask("status", lines, why);
    if (status == kUnusable) return fail(status, why);
    std::string text = to_text(lines);
    // A trading thread that does not answer now may do so in a second: that is what top is for.
    if (status != kGood) text += "\n" + why + "\n";
    if (terminal) repaint(text + "\nq ends\n");
    else std::printf("%s\n", text.c_str());
    if (std::fflush(stdout) != 0) return kUnusable;  // nobody reads it any more
    if (keys.wait(signals)) return kGood;
  }
}

}  // namespace pinion::gatewayctl
