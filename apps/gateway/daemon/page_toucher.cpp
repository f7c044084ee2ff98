#include "gateway/daemon/page_toucher.h"

#include <rio/ring.h>

#include <ctime>

namespace pinion::gateway {

namespace {
constexpr timespec kTurn{0, 20'000'000};
}

void PageToucher::start() {
  thread_ = std::thread([this] { run(); });
}

void PageToucher::stop() {
  if (!thread_.joinable()) return;
  rio_word_store(&ending_, 1);
  thread_.join();
}

void PageToucher::run() const {
  while (rio_word_load(&ending_) == 0) {
    for (const auto& client : engine_.clients()) client->keep_writable();
    journal_.keep_writable();
    nanosleep(&kTurn, nullptr);
  }
}

}  // namespace pinion::gateway
