// Text in ESTABLISHED (RFC 9293 3.10.7.4, seventh).
#include "packet/tcp_data.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataEstablished) { data_in_order(TcpState::established); }
TEST(TcpInput, DataWithoutAReceiveEstablished) { data_without_a_receive(TcpState::established); }
TEST(TcpInput, OldAndNewDataEstablished) { old_and_new_data(TcpState::established); }
TEST(TcpInput, DataOutOfOrderEstablished) { data_out_of_order(TcpState::established); }

}  // namespace
}  // namespace pinion::testing
