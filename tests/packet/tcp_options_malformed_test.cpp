// W41, RFC 9293 MUST-4 to 7, 68: options in any segment; unknown ones are ignored; illegal
// lengths neither loop nor read beyond the header, and what carries them is dropped or handled.
// In either case the next good segment finds the stack well.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

const std::string kBad[] = {
    tcp_option(2, "", 0),       tcp_option(2, "", 1),        tcp_option(2, "", 2),
    tcp_option(2, "\1\1", 255), tcp_option(2, "\1\1\1"),     tcp_option(3, ""),
    tcp_option(3, "\1\1"),      tcp_option(4, "\1"),         tcp_option(5, ""),
    tcp_option(5, "1", 3),      tcp_option(5, "1234567", 9), tcp_option(5, "123456789", 11),
    tcp_option(8, "1234"),      tcp_option(8, "", 0),        tcp_option(253, "", 0),
    tcp_option(254, "", 1),     tcp_option(253, "", 200),    std::string(39, '\1') + "\2"};

TEST(TcpInput, W41IllegalLengths) {
  for (const std::string& bad : kBad)
    for (const Seg& seg : {Seg{.seq = 1, .ack = 1, .data = "x", .options = bad},
                           Seg{.flags = kFin | kAck, .seq = 100, .ack = 1, .options = bad},
                           Seg{.flags = kRst, .seq = 50, .options = bad}}) {
      TcpBed bed(TcpState::established);
      bed.remote.sends(seg);
      bed.remote.take_all();
      bed.remote.sends({.seq = 1, .ack = 1, .data = "x"});
      bed.socket->receive(1);
      bed.peer.poll();
      EXPECT_EQ(bed.socket->expects_received(1), "x");
    }
}

TEST(TcpInput, W41IllegalLengthsInASyn) {
  for (const std::string& bad : kBad) {
    TcpBed bed(TcpState::listen);
    bed.remote.sends({.flags = kSyn, .options = bad});
    bed.remote.take_all();
    bed.remote.iss += 1'000'000;
    TcpEnd other(bed.peer, {kPeerIp, kPeerPort + 1});
    other.sends({.flags = kSyn, .options = mss(1460)});
    other.expects({.flags = kSyn | kAck, .ack = 1});
    TcpBed connecting(TcpState::syn_sent);
    connecting.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = bad});
    connecting.remote.take_all();
  }
}

TEST(TcpInput, W41UnknownAndOddlyPlaced) {
  const std::string odd[] = {tcp_option(253, "any"), tcp_option(254, ""), kNop + kNop + kNop + kNop,
                             kEndOfOptions + std::string(7, '\0'), mss(500) + mss(600),
                             window_scale(3) + sack_permitted(), tcp_option(28, "\x80\1"),
                             std::string(40, '\1')};
  for (const std::string& options : odd) {
    TcpBed bed(TcpState::established);
    bed.remote.sends({.seq = 1, .ack = 1, .data = "x", .options = options});
    bed.remote.expects({.seq = 1, .ack = 2});
  }
}

// Behind the end of the options stands nothing that counts.
TEST(TcpInput, W41NothingBehindTheEnd) {
  TcpBed bed(TcpState::listen);
  bed.remote.sends({.flags = kSyn, .options = mss(1460) + kEndOfOptions + window_scale(7)});
  const auto o = options_of(*bed.remote.expects({.flags = kSyn | kAck, .ack = 1}).tcp);
  EXPECT_FALSE(o.window_scale.has_value());
}

}  // namespace
}  // namespace pinion::testing
