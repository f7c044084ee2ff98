// Text in FIN-WAIT-2 (RFC 9293 3.10.7.4, seventh).
#include "packet/tcp_data.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, DataFinWait2) { data_in_order(TcpState::fin_wait_2); }
TEST(TcpInput, DataWithoutAReceiveFinWait2) { data_without_a_receive(TcpState::fin_wait_2); }
TEST(TcpInput, OldAndNewDataFinWait2) { old_and_new_data(TcpState::fin_wait_2); }
TEST(TcpInput, DataOutOfOrderFinWait2) { data_out_of_order(TcpState::fin_wait_2); }

}  // namespace
}  // namespace pinion::testing
