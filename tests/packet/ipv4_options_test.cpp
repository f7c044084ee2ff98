// HOSTILE W16 (RFC 791 3.1, RFC 1122 3.2.1.8; CVE-2019-12256): options end where they say, or the
// packet is dropped: no loop, no over-read. Unknown ones are ignored; source routes are refused
// (RFC 7126 4.3, 4.4).
#include <gtest/gtest.h>

#include "support/peer.h"

namespace pinion::testing {
namespace {

using namespace std::string_literals;

// To the next multiple of 4 with END.
std::string rounded(std::string options) {
  options.resize((options.size() + 3) / 4 * 4);
  return options;
}

void expect_refusal(Peer& peer, const std::string& options) {
  SCOPED_TRACE(::testing::PrintToString(options));
  peer.expect_drop(Drop::ipv4_options,
                   frame_of(UdpSegment{.ip = {.options = options}, .data = "data"}));
}

TEST(Ipv4Input, W16OptionLengthBelowTwo) {
  Peer peer;
  for (const char kind : {'\x07', '\x44', '\x88', '\x1e'})
    for (const char length : {'\0', '\1'}) expect_refusal(peer, {kind, length, 4, 0});
}

TEST(Ipv4Input, W16OptionLengthBeyondTheHeader) {
  Peer peer;
  expect_refusal(peer, "\x07\x05\x04\x00"s);
  expect_refusal(peer, "\x07\xff\x04\x00"s);
  expect_refusal(peer, "\x01\x01\x01\x07"s);  // no room for a length
  expect_refusal(peer, std::string(38, '\x01') + "\x07\x03"s);
}

TEST(Ipv4Input, W16PointerOutsideTheOption) {
  Peer peer;
  for (const char pointer : {'\0', '\1', '\3', '\x09', '\xff'})  // record route of 7 bytes
    expect_refusal(peer, rounded("\x07\x07"s + pointer + "\0\0\0\0"s));
  for (const char pointer : {'\0', '\4', '\x0a', '\xff'})  // timestamp of 8 bytes
    expect_refusal(peer, "\x44\x08"s + pointer + "\0\0\0\0\0"s);
}

TEST(Ipv4Input, W16SourceRoutes) {
  Peer peer;
  for (const char kind : {'\x83', '\x89'}) expect_refusal(peer, rounded({kind, 7, 4, 10, 0, 0, 9}));
}

TEST(Ipv4Input, W16GoodAndUnknownOptionsAreIgnored) {
  Peer peer;
  UdpSocket socket(peer);
  const std::string good[] = {std::string(40, '\x01'),                   // nothing but NOPs
                              "\x00\x07\x00\xff"s,                       // END, then junk
                              "\x01\x01\x00\x83"s,
                              rounded("\x07\x07\x04\0\0\0\0"s),          // record route
                              rounded("\x07\x07\x08\x0a\0\0\x09"s),      // and a full one
                              "\x44\x08\x05\0\0\0\0\0"s,                 // timestamp
                              "\x94\x04\0\0"s,                           // router alert
                              "\xde\x02\xde\x02"s};                      // unknown
  for (const std::string& options : good) {
    SCOPED_TRACE(::testing::PrintToString(options));
    socket.receive(1);
    peer.expect_handled(frame_of(UdpSegment{.ip = {.options = options}, .data = "data"}));
    EXPECT_EQ(socket.expects_received(1), "data");
  }
}


// Every kind with every length, in a header that has room for four bytes: {kind, length, 4, 0}.
// With a length of 2 the rest is an option of kind 4 and length 0.
TEST(Ipv4Input, W16EveryKindAndLength) {
  Peer peer;
  UdpSocket socket(peer, {.backlog = 0});
  for (int kind = 2; kind <= 255; ++kind)
    for (int length = 0; length <= 255; ++length) {
      const bool source_route = kind == 131 || kind == 137;
      const bool timestamp = kind == 68;  // its pointer is at least 5
      const bool good = (length == 3 || length == 4) && !source_route && !timestamp;
      const std::string options{static_cast<char>(kind), static_cast<char>(length), 4, 0};
      ASSERT_EQ(peer.reaction_to(frame_of(UdpSegment{.ip = {.options = options}})),
                good ? Drop::udp_backlog_full : Drop::ipv4_options)
          << kind << " " << length;
    }
}

// An option that reaches over the end by one byte, at every place of the longest header.
TEST(Ipv4Input, W16LastOptionOneByteTooLong) {
  Peer peer;
  for (size_t at = 0; at < 40; ++at) {
    std::string options(40, '\x01');
    options[at] = '\x1e';
    if (at + 1 < 40) options[at + 1] = static_cast<char>(40 - at + 1);
    expect_refusal(peer, options);
  }
}

}  // namespace
}  // namespace pinion::testing
