#include "gateway/venue/venue_link.h"

#include <cerrno>

namespace pinion::gateway {

namespace {

constexpr size_t kMessageMax = 256;  // of what the gateway sends
constexpr size_t kFrameMax = kMessageMax + 3;

std::string_view text_of(const std::byte* bytes, size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

}  // namespace

VenueLink::VenueLink(const VenueLinkConfig& config, Network& network, VenueSink& sink)
    : config_(config), network_(network), sink_(sink), client_(config.client) {}

void VenueLink::connect() {
  client_.on_connecting(now_);
  if (const int status = network_.connect(config_.server, *this, stream_); status != 0) {
    client_.on_closed(now_);
    return sink_.on_venue_unreached(status);
  }
  open_ = true;
  ++connections_;
}

void VenueLink::on_connected(SocketId) {
  client_.on_connected(now_);
  flush();
}

size_t VenueLink::on_received(SocketId, std::string_view bytes) {
  client_.on_heard(now_);
  if (!sink_.takes_venue_messages()) return 0;
  // One packet after the other: what it says may be more than the journal takes at a time.
  size_t total = 0;
  const Bytes all = bytes_of_text(bytes);
  while (open_ && !client_.wants_close() && sink_.takes_venue_messages()) {
    Bytes packet;
    size_t length = 0;
    const Bytes rest = all.subspan(total);
    const auto framing = soupbintcp::next_packet(rest, packet, length);
    if (framing == soupbintcp::Framing::incomplete) break;
    const Bytes one = framing == soupbintcp::Framing::packet ? rest.first(length) : rest;
    const size_t used = client_.input(one, now_, [&](uint64_t number, Bytes message) {
      sink_.on_venue_message(number, message);
    });
    note_state();
    if (used == 0) break;
    total += used;
  }
  if (open_ && client_.wants_close()) drop();
  return total;
}

void VenueLink::on_closed(SocketId, int status) {
  const bool told = told_;
  open_ = false;
  client_.on_closed(now_);
  note_state();
  if (!told && !told_over_) sink_.on_venue_unreached(status);
}

void VenueLink::drop() {
  if (open_) network_.close(stream_);
  on_closed(stream_, 0);
}

// The owner hears of each login, of its end, and of what ends the hope of another one.
void VenueLink::note_state() {
  using soupbintcp::ClientState;
  const ClientState state = client_.state();
  const bool over = state == ClientState::ended || state == ClientState::rejected ||
                    state == ClientState::failed;
  if (active() == told_ && over == told_over_) return;
  told_ = active();
  told_over_ = over;
  if (told_) sink_.on_venue_login();
  else sink_.on_venue_lost();
}

bool VenueLink::has_room(size_t bytes) const {
  return active() && !client_.wants_close() && network_.room(stream_) >= bytes + 3;
}

bool VenueLink::send(Bytes message) {
  std::byte frame[kFrameMax];
  if (message.size() > kMessageMax || !has_room(message.size())) return false;
  const size_t bytes = client_.send(message, frame, now_);
  return bytes != 0 && network_.send(stream_, text_of(frame, bytes));
}

void VenueLink::logout() {
  client_.logout();
  flush();
}

// What the session itself has to say.
void VenueLink::flush() {
  std::byte frame[kFrameMax];
  while (open_ && network_.room(stream_) >= sizeof frame) {
    const size_t bytes = client_.output(frame, now_);
    if (bytes == 0) return;
    (void)network_.send(stream_, text_of(frame, bytes));
  }
}

void VenueLink::poll(Nanos now) {
  now_ = now;
  client_.poll(now);
  if (open_ && client_.wants_close()) return drop();
  if (!open_ && client_.wants_connection(now)) return connect();
  if (open_) flush();
}

}  // namespace pinion::gateway
