#include "exchange-sim/day.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pinion::exchange {

namespace {

// Everything on which the outcome of the inputs depends.
std::string text_of(const DayConfig& config) {
  std::string out = config.name + " seed " + std::to_string(config.traders.seed) + " limits " +
                    std::to_string(config.market_limits.messages_max) + " symbols";
  for (const std::string& symbol : config.symbols) out += " " + symbol;
  out += " users";
  for (const Credentials& user : config.users) out += " " + user.username;
  return out;
}

}  // namespace

Day::Day(const DayConfig& config)
    : market_(config.symbols, config.market_limits),
      accounts_(market_, config.users, config.answer_limits),
      traders_(config.traders, market_, accounts_) {
  if (config.log.empty()) return;
  const std::string configuration = text_of(config);
  log_ = Fd(open(config.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (log_.get() < 0) throw std::runtime_error(config.log + ": " + std::strerror(errno));
  replay(config.log, configuration);
  if (replayed_ == 0) input(Input::configuration, 0, 0, bytes_of_text(configuration));
}

// A kill leaves the beginning of a record at the end: nothing was told of it, and it goes.
void Day::replay(const std::string& path, const std::string& configuration) {
  std::ifstream in(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  const Bytes all = bytes_of_text(file);
  size_t at = 0;
  while (all.size() - at >= sizeof(Record)) {
    const auto record = load<Record>(all.data() + at);
    if (record.bytes > all.size() - at - sizeof record) break;
    const Bytes payload = all.subspan(at + sizeof record, record.bytes);
    const bool is_first = replayed_ == 0;
    if (is_first != (record.what == Input::configuration) ||
        (is_first && !std::ranges::equal(payload, bytes_of_text(configuration)))) {
      throw std::runtime_error(path + " is the log of another configuration");
    }
    apply(record.what, record.who, record.day_ns, payload);
    ++replayed_;
    at += sizeof record + record.bytes;
  }
  if (ftruncate(log_.get(), static_cast<off_t>(at)) != 0) {
    throw std::runtime_error(path + ": " + std::strerror(errno));
  }
  if (closed_) throw std::runtime_error(path + " is the log of a day that is over");
}

void Day::input(Input what, uint32_t who, uint64_t day_ns, Bytes payload) {
  if (log_.get() >= 0) {
    const Record record{static_cast<uint32_t>(payload.size()), who, what, 0, day_ns};
    const Bytes head = std::as_bytes(std::span{&record, 1});
    pending_.insert(pending_.end(), head.begin(), head.end());
    pending_.insert(pending_.end(), payload.begin(), payload.end());
  }
  apply(what, who, day_ns, payload);
}

void Day::flush() {
  size_t done = 0;
  while (done < pending_.size()) {
    const ssize_t n = write(log_.get(), pending_.data() + done, pending_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw std::runtime_error(std::string("the log: ") + std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  pending_.clear();
}

void Day::apply(Input what, uint32_t who, uint64_t day_ns, Bytes payload) {
  last_ns_ = day_ns;
  const char letter = payload.empty() ? '\0' : static_cast<char>(payload[0]);
  const auto symbol = static_cast<uint16_t>(who);
  switch (what) {
    case Input::configuration: return;
    case Input::open: market_.open(day_ns); return accounts_.system_event('S', day_ns);
    case Input::request: return accounts_.request(who, payload, day_ns);
    case Input::trader: return traders_.act(day_ns);
    case Input::expire: return accounts_.expire(day_ns);
    case Input::state: return market_.set_state(symbol, letter, day_ns);
    case Input::reg_sho: return market_.set_reg_sho(symbol, letter, day_ns);
    case Input::close:
      closed_ = true;
      market_.close(day_ns);
      return accounts_.system_event('E', day_ns);
  }
  throw std::runtime_error("an input that this version does not know");
}

}  // namespace pinion::exchange
