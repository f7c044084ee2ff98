// A connection to a gateway's control socket (control/control_server.h has the protocol).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/ctl/status.h"

namespace pinion::gatewayctl {

class Client {
 public:
  explicit Client(std::string path) : path_(std::move(path)) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // kUnusable, and why: who could not be reached, where, and what to do.
  Status connect(std::string& why);
  // The answer's lines, and whether it was done.
  Status ask(std::string_view command, std::vector<std::string>& lines, std::string& why);

 private:
  Status next_line(std::string& line, std::string& why);

  std::string path_;
  int fd_ = -1;
  std::string unread_;
};

}  // namespace pinion::gatewayctl
