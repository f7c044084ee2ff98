// Text in FIN-WAIT-1 (RFC 9293 3.10.7.4, seventh).
#include "packet/tcp_data.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataFinWait1) { data_in_order(TcpState::fin_wait_1); }
TEST(TcpInput, DataWithoutAReceiveFinWait1) { data_without_a_receive(TcpState::fin_wait_1); }
TEST(TcpInput, OldAndNewDataFinWait1) { old_and_new_data(TcpState::fin_wait_1); }
TEST(TcpInput, DataOutOfOrderFinWait1) { data_out_of_order(TcpState::fin_wait_1); }

}  // namespace
}  // namespace pinion::testing
