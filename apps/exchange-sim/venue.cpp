#include "exchange-sim/venue.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

namespace pinion::exchange {

namespace {

constexpr uint64_t kOpeningNs = 34'200ull * 1'000'000'000;  // the day begins at 09:30:00
constexpr size_t kReadBytes = 1 << 16;
constexpr size_t kOutBytesMax = 1 << 20;  // of a client that does not read

MessageStore::Limits market_limits(const VenueConfig& config) {
  return {config.messages_max, config.messages_max * 40};
}
MessageStore::Limits answer_limits(const VenueConfig& config) {
  return {config.messages_max / 4, config.messages_max / 4 * 80};
}

bool again() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

Venue::Venue(const VenueConfig& config)
    : config_(config),
      day_({config.symbols,
            config.users,
            {config.seed, config.actions_per_s, 10'000},
            market_limits(config),
            answer_limits(config),
            config.log,
            config.session}),
      sender_({Alpha<10>::of(config.session), config.heartbeat}, day_.market().stream()),
      rng_(config.seed + 3),
      line_socket_(open_line(parse_endpoint(config.bind), config.ttl)),
      a_(line_socket_.get(), parse_endpoint(config.line_a), config.a, config.seed + 1),
      b_(line_socket_.get(), parse_endpoint(config.line_b), config.b, config.seed + 2) {
  sockaddr_in at = parse_endpoint(config.bind);
  at.sin_port = htons(config.ouch_port);
  ouch_ = listen_tcp(at);
  at.sin_port = htons(config.glimpse_port);
  glimpse_ = listen_tcp(at);
  at.sin_port = htons(config.retransmit_port);
  retransmit_ = bind_udp(at);
}

std::string Venue::places() const {
  const auto at = [&](const Fd& fd) {
    return config_.bind + ":" + std::to_string(port_of(fd.get()));
  };
  return "ouch " + at(ouch_) + " glimpse " + at(glimpse_) + " retransmit " + at(retransmit_) +
         " a " + config_.line_a + " b " + config_.line_b;
}

uint64_t Venue::day_ns(Nanos now) const {
  return kOpeningNs + static_cast<uint64_t>(now - started_);
}

void Venue::run(const volatile int* stop) {
  started_ = monotonic_now();
  if (day_.last_ns() == 0) {
    day_.input(Input::open, 0, day_ns(started_));
  } else {  // the time goes on, and what was stored is for re-requests
    started_ -= static_cast<Nanos>(day_.last_ns() - kOpeningNs);
    sender_.skip_stored();
  }
  for (;;) {
    const Nanos now = monotonic_now();
    const bool over = config_.duration != 0 && now - started_ >= config_.duration;
    const bool full = day_.market().full() || day_.accounts().full();
    if (!ending_ && (*stop || stop_asked_ || over || full)) {
      if (full) std::fprintf(stderr, "exchange-sim: --messages-max is reached: the day ends\n");
      end_day(now);
    }
    if (ending_ && now >= ends_) return;
    if (!ending_) let_time_pass(now);
    publish(now);
    for (Connection& c : connections_) write_connection(c, now);
    breaks_ += std::erase_if(connections_, [](const Connection& c) {
      return c.broken || (c.session->wants_close() && c.out.empty());
    });
    wait(now);
  }
}

void Venue::let_time_pass(Nanos now) {
  for (int n = day_.traders().due(now); n > 0; --n) day_.input(Input::trader, 0, day_ns(now));
  if (now < next_expiry_) return;
  next_expiry_ = now + 10 * kMilli;
  if (day_.accounts().expires(day_ns(now))) day_.input(Input::expire, 0, day_ns(now));
}

void Venue::end_day(Nanos now) {
  ending_ = true;
  ends_ = now + config_.linger;
  day_.input(Input::close, 0, day_ns(now));
  sender_.end();
  for (Connection& c : connections_) c.session->end_session();
}

Nanos Venue::next_deadline(Nanos now) const {
  if (config_.spin) return now;
  Nanos next = std::min({a_.next_deadline(), b_.next_deadline(), now + 10 * kMilli});
  if (!ending_) next = std::min(next, day_.traders().next_deadline());
  return next;
}

void Venue::wait(Nanos now) {
  std::vector<pollfd> fds = {{ouch_.get(), POLLIN, 0},
                             {glimpse_.get(), POLLIN, 0},
                             {retransmit_.get(), POLLIN, 0},
                             {config_.commands ? STDIN_FILENO : -1, POLLIN, 0}};
  for (const Connection& c : connections_) {
    fds.push_back({c.fd.get(), static_cast<short>(c.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  }
  const Nanos timeout = std::max<Nanos>(0, next_deadline(now) - monotonic_now());
  const timespec t{timeout / kSecond, timeout % kSecond};
  if (ppoll(fds.data(), fds.size(), &t, nullptr) <= 0) return;
  const Nanos woken = monotonic_now();
  size_t i = 4;
  for (Connection& c : connections_) {
    if (fds[i++].revents & (POLLIN | POLLHUP | POLLERR)) read_connection(c, woken);
  }
  if (fds[0].revents) accept_all(ouch_.get(), false, woken);
  if (fds[1].revents) accept_all(glimpse_.get(), true, woken);
  if (fds[2].revents) answer_requests();
  if (fds[3].revents) read_commands(woken);
}

void Venue::accept_all(int listener, bool glimpse, Nanos now) {
  for (Fd fd = accept_tcp(listener); fd.get() >= 0; fd = accept_tcp(listener)) {
    Connection& c = connections_.emplace_back();
    c.fd = std::move(fd);
    c.glimpse = glimpse;
    const soupbintcp::ServerConfig session{.session = Alpha<10>::of(config_.session),
                                           .heartbeat = config_.heartbeat,
                                           .peer_timeout = config_.peer_timeout};
    c.session = std::make_unique<soupbintcp::ServerConnection>(session, nothing_, now);
  }
}

// Which stream a login gets: the account's answers, or a snapshot of this moment.
char Venue::authorise(Connection& c, const soupbintcp::LoginRequest& login, Nanos now) {
  const int account = day_.accounts().find(login.username.get(), login.password.get());
  if (account < 0) return soupbintcp::kNotAuthorised;
  ++logins_;
  if (c.glimpse) {
    c.snapshot = std::make_unique<MessageStore>(day_.market().snapshot(day_ns(now)));
    c.session->serve(*c.snapshot);
    c.session->end_session();
    return soupbintcp::kAuthorised;
  }
  // A client that comes again has lost its old connection, whether we know that or not.
  for (Connection& other : connections_) {
    if (other.account == account) other.broken = true;
  }
  c.account = account;
  c.session->serve(day_.accounts().answers(static_cast<size_t>(account)));
  if (ending_) c.session->end_session();
  return soupbintcp::kAuthorised;
}

void Venue::read_connection(Connection& c, Nanos now) {
  if (c.broken) return;
  const size_t had = c.in.size();
  c.in.resize(had + kReadBytes);
  const ssize_t n = recv(c.fd.get(), c.in.data() + had, kReadBytes, 0);
  if (n == 0 || (n < 0 && !again())) c.broken = true;
  c.in.resize(had + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  if (n <= 0) return;
  const uint64_t requests = requests_;
  const size_t used = c.session->input(
      c.in, now, [&](const soupbintcp::LoginRequest& login) { return authorise(c, login, now); },
      [&](Bytes message) { request(c, message, now); });
  c.in.erase(c.in.begin(), c.in.begin() + static_cast<ptrdiff_t>(used));
  write_connection(c, monotonic_now());
  if (requests_ != requests) order_to_answer_.add(monotonic_now() - now);
}

void Venue::request(Connection& c, Bytes message, Nanos now) {
  if (c.account < 0 || ending_) return;
  ++requests_;
  const auto* enter = in_place<ouch::request::EnterOrder>(message);
  if (enter && enter->type.get() == ouch::request::EnterOrder::kType) {
    if (last_tick_ != 0) tick_to_order_.add(now - last_tick_);
    if (const auto sent = stamp_of(enter->cl_ord_id.get())) order_to_wire_.add(now - *sent);
  }
  day_.input(Input::request, static_cast<uint32_t>(c.account), day_ns(now), message);
}

void Venue::write_connection(Connection& c, Nanos now) {
  if (c.broken) return;
  day_.flush();
  c.session->poll(now);
  std::byte room[1 << 14];
  while (c.out.size() < kOutBytesMax) {
    const size_t n = c.session->output(room, now);
    if (n == 0) break;
    c.out.insert(c.out.end(), room, room + n);
  }
  if (c.out.empty()) return;
  const ssize_t n = send(c.fd.get(), c.out.data(), c.out.size(), MSG_NOSIGNAL);
  if (n < 0 && !again()) c.broken = true;
  if (n > 0) c.out.erase(c.out.begin(), c.out.begin() + n);
}

void Venue::answer_requests() {
  std::byte asked[64], answer[1 << 14];
  for (int i = 0; i < 64; ++i) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t n = recvfrom(retransmit_.get(), asked, sizeof asked, 0,
                               reinterpret_cast<sockaddr*>(&from), &length);
    if (n < 0) return;
    const MutableBytes out = MutableBytes{answer}.first(config_.packet_bytes);
    const size_t bytes = sender_.answer(Bytes{asked, static_cast<size_t>(n)}, out);
    if (bytes == 0 || rng_.chance(config_.retransmit_loss)) {
      ++requests_refused_;
      continue;
    }
    ++requests_answered_;
    sendto(retransmit_.get(), answer, bytes, 0, reinterpret_cast<const sockaddr*>(&from), length);
  }
}

void Venue::publish(Nanos now) {
  day_.flush();
  std::byte room[1 << 14];
  const MutableBytes out = MutableBytes{room}.first(config_.packet_bytes);
  while (const size_t n = sender_.next_packet(out, now)) {
    ++packets_;
    a_.send(Bytes{room, n}, now);
    b_.send(Bytes{room, n}, now);
    last_tick_ = now;
  }
  a_.poll(now);
  b_.poll(now);
}

void Venue::read_commands(Nanos now) {
  char buffer[512];
  const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
  if (n == 0) config_.commands = false;
  if (n <= 0) return;
  typed_.append(buffer, static_cast<size_t>(n));
  for (size_t end = typed_.find('\n'); end != std::string::npos; end = typed_.find('\n')) {
    command(typed_.substr(0, end), now);
    typed_.erase(0, end + 1);
  }
}

void Venue::command(const std::string& line, Nanos now) {
  char word[16] = "", symbol_name[16] = "", more[16] = "";
  std::sscanf(line.c_str(), "%15s %15s %15s", word, symbol_name, more);
  const std::string what = word;
  const int found = day_.market().find_symbol(symbol_name);
  const auto symbol = static_cast<uint16_t>(found);
  const bool known = found >= 0 && !ending_;
  if (what == "stop") {
    stop_asked_ = true;
  } else if (what == "halt" && known) {
    day_.input(Input::state, symbol, day_ns(now), bytes_of_text("H"));
  } else if (what == "trade" && known) {
    day_.input(Input::state, symbol, day_ns(now), bytes_of_text("T"));
  } else if (what == "regsho" && known && more[0] >= '0' && more[0] <= '2' && more[1] == 0) {
    day_.input(Input::reg_sho, symbol, day_ns(now), bytes_of_text(more));
  } else if (what == "disconnect") {
    for (Connection& c : connections_) c.broken = true;
  } else if (what == "lose") {
    const uint64_t n = std::strtoull(symbol_name, nullptr, 10);
    a_.lose_next(n);
    b_.lose_next(n);
  } else {
    std::fprintf(stderr, "exchange-sim: no such command, or no such symbol: %s\n", line.c_str());
    return;
  }
  std::printf("did %s\n", line.c_str());
  std::fflush(stdout);
}

std::string Venue::summary() const {
  std::string out;
  char line[256];
  const auto put = [&](const char* format, auto... values) {
    std::snprintf(line, sizeof line, format, values...);
    out += line;
  };
  using ull = unsigned long long;
  put("market data   %llu messages in %llu packets, %llu actions of background traders\n",
      ull{day_.market().stream().next() - 1}, ull{packets_}, ull{day_.traders().actions()});
  for (const auto& [name, l] : {std::pair{'a', &a_}, std::pair{'b', &b_}}) {
    const BadLineCounters& c = l->counters();
    put("line %c        %llu sent, %llu lost, %llu repeated, %llu held back, %llu errors\n", name,
        ull{c.sent}, ull{c.lost}, ull{c.duplicated}, ull{c.held_back}, ull{c.send_errors});
  }
  put("re-requests   %llu answered, %llu not\n", ull{requests_answered_}, ull{requests_refused_});
  put("sessions      %llu logins, %llu connections ended\n", ull{logins_}, ull{breaks_});
  const Accounts& accounts = day_.accounts();
  const auto symbols = static_cast<uint16_t>(day_.market().symbols());
  for (size_t i = 0; i < accounts.size(); ++i) {
    const AccountCounters& c = accounts.counters(i);
    put("account %s  %llu entered, %llu replaced, %llu cancels, %llu rejected, %llu repeats, "
        "%llu ignored, %llu malformed\n",
        config_.users[i].username.c_str(), ull{c.entered}, ull{c.replaced}, ull{c.cancels},
        ull{c.rejected}, ull{c.repeats}, ull{c.ignored}, ull{c.malformed});
    put("              %llu fills, %llu shares, position %lld, %llu answers\n", ull{c.fills},
        ull{c.shares}, static_cast<long long>(accounts.position(i)),
        ull{accounts.answers(i).next() - 1});
    for (uint16_t symbol = 0; symbol < symbols; ++symbol) {
      put("              position %s %lld\n", std::string(day_.market().name(symbol).get()).c_str(),
          static_cast<long long>(accounts.position(i, symbol)));
    }
  }
  put("open orders   %zu\n", day_.market().open_orders());
  constexpr size_t kLevelsShown = 10;
  for (uint16_t symbol = 0; symbol < symbols; ++symbol) {
    for (const char side : {'B', 'S'}) {
      for (const Level& level : day_.market().levels(symbol, side, kLevelsShown)) {
        put("book %s %s %u %llu %u\n", std::string(day_.market().name(symbol).get()).c_str(),
            side == 'B' ? "bid" : "ask", level.orders, ull{level.shares}, level.price);
      }
    }
  }
  put("order to wire, by stamped ClOrdIDs    %s\n", order_to_wire_.text().c_str());
  put("last market data to order             %s\n", tick_to_order_.text().c_str());
  put("requests read to answers handed over  %s\n", order_to_answer_.text().c_str());
  return out;
}

}  // namespace pinion::exchange
