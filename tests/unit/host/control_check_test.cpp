// The form of control messages: each opcode's named fields pass, every other field is refused.
#include "host/control_check.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

namespace pinion {
namespace {

rio_control message(uint16_t opcode) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC;
  m.opcode = opcode;
  m.tag = 7;
  return m;
}

int check(const rio_control& m) {
  const char* why = nullptr;
  return check_control(m, sizeof m, &why);
}

TEST(ControlCheck, SizeMagicAndOpcode) {
  const char* why = nullptr;
  rio_control m = message(RIO_CTL_SOCKET);
  EXPECT_EQ(check_control(m, sizeof m, &why), 0);
  EXPECT_EQ(check_control(m, sizeof m - 1, &why), -EPROTO);
  m.magic ^= 1;
  EXPECT_EQ(check(m), -EPROTO);
  EXPECT_EQ(check(message(0)), -EOPNOTSUPP);
  EXPECT_EQ(check(message(RIO_CTL_LEAVE + 1)), -EOPNOTSUPP);
  EXPECT_EQ(check(message(0xffff)), -EOPNOTSUPP);
}

TEST(ControlCheck, NamedFieldsPass) {
  rio_control m = message(RIO_CTL_RQ_CREATE);
  m.handle = m.handle2 = m.a = m.b = m.c = m.d = m.f = 1;
  m.offset = m.size = m.context = 1;
  EXPECT_EQ(check(m), 0);
  m.e = 1;  // the doorbell's number comes in the reply
  EXPECT_EQ(check(m), -EINVAL);
  m = message(RIO_CTL_ATTACH);
  m.a = m.b = m.c = m.d = 1;
  EXPECT_EQ(check(m), 0);
  m.e = 1;
  EXPECT_EQ(check(m), -EINVAL);
  m = message(RIO_CTL_BIND);
  m.handle = 3;
  m.address = {RIO_FAMILY_IPV4, 7, 0, {10, 0, 0, 1}};
  EXPECT_EQ(check(m), 0);
  m = message(RIO_CTL_LISTEN);
  m.handle = 3, m.a = 128;
  EXPECT_EQ(check(m), 0);
  m.b = 1;
  EXPECT_EQ(check(m), -EINVAL);
  for (const uint16_t opcode : {RIO_CTL_ACCEPT, RIO_CTL_SHUTDOWN, RIO_CTL_CONNECT_STATUS}) {
    m = message(opcode);
    m.handle = 3;
    EXPECT_EQ(check(m), 0);
    m.handle2 = 1;  // comes in the reply
    EXPECT_EQ(check(m), -EINVAL);
  }
}

TEST(ControlCheck, EveryUnnamedByteIsRefused) {
  const rio_control good = message(RIO_CTL_ATTACH_COMMIT);  // names no field at all
  ASSERT_EQ(check(good), 0);
  for (size_t i = offsetof(rio_control, reserved); i < sizeof good; ++i) {
    if (i >= offsetof(rio_control, tag) && i < offsetof(rio_control, status)) continue;
    rio_control m = good;
    reinterpret_cast<unsigned char*>(&m)[i] = 1;
    EXPECT_EQ(check(m), -EINVAL) << "byte " << i;
  }
}

}  // namespace
}  // namespace pinion
