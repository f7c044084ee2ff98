// The text forms of numbers and addresses: one spelling each, and nothing near it.
#include "config/parse.h"

#include <gtest/gtest.h>

namespace pinion::config {
namespace {

TEST(ConfigParse, DecimalHasOneSpelling) {
  EXPECT_EQ(parse_decimal("0"), 0u);
  EXPECT_EQ(parse_decimal("1500"), 1500u);
  EXPECT_EQ(parse_decimal("9999999999999999999"), 9999999999999999999u);
  for (const char* bad : {"", "00", "010", "+5", "-5", " 5", "5 ", "0x10", "1e3", "1_000", "1.0",
                          "10000000000000000000", "five", "٣"}) {
    EXPECT_FALSE(parse_decimal(bad)) << bad;
  }
}

TEST(ConfigParse, Ipv4IsFourDecimalOctets) {
  EXPECT_EQ(parse_ipv4("10.20.0.5"), ipv4(10, 20, 0, 5));
  EXPECT_EQ(parse_ipv4("0.0.0.0"), ipv4(0, 0, 0, 0));
  EXPECT_EQ(parse_ipv4("255.255.255.255"), ipv4(255, 255, 255, 255));
  for (const char* bad :
       {"", "10", "10.20.0", "10.20.0.5.6", "10.20.0.256", "10.20.0.05", "10..0.5", ".10.20.0",
        "10.20.0.", " 10.20.0.5", "10.20.0.5 ", "0x0a.0.0.1", "10.20.0.-5", "10.20.0.5/24"}) {
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
  }
}

TEST(ConfigParse, PrefixKeepsHostBits) {
  EXPECT_EQ(parse_prefix("10.20.0.5/24"), (Prefix{ipv4(10, 20, 0, 5), 24}));
  EXPECT_EQ(parse_prefix("0.0.0.0/0"), (Prefix{ipv4(0, 0, 0, 0), 0}));
  for (const char* bad : {"", "/", "10.20.0.5", "10.20.0.5/", "10.20.0.5/33", "10.20.0.5/024",
                          "10.20.0.5/ 24", "10.20.0/24", "10.20.0.5/24/8"}) {
    EXPECT_FALSE(parse_prefix(bad)) << bad;
  }
}

TEST(ConfigParse, PrefixArithmetic) {
  const Prefix prefix{ipv4(10, 20, 0, 5), 24};
  EXPECT_EQ(prefix.network(), ipv4(10, 20, 0, 0));
  EXPECT_EQ(prefix.broadcast(), ipv4(10, 20, 0, 255));
  EXPECT_TRUE(prefix.contains(ipv4(10, 20, 0, 77)));
  EXPECT_FALSE(prefix.contains(ipv4(10, 20, 1, 77)));
  EXPECT_TRUE(prefix.is_edge(ipv4(10, 20, 0, 255)));

  const Prefix everything{ipv4(0, 0, 0, 0), 0};
  EXPECT_TRUE(everything.contains(ipv4(203, 0, 113, 9)));

  const Prefix point_to_point{ipv4(10, 0, 0, 0), 31};  // RFC 3021: both are hosts
  EXPECT_FALSE(point_to_point.is_edge(ipv4(10, 0, 0, 0)));
  EXPECT_FALSE(point_to_point.is_edge(ipv4(10, 0, 0, 1)));
}

TEST(ConfigParse, MacIsSixPairs) {
  EXPECT_EQ(parse_mac("02:00:5e:00:0A:ff"), (Mac{{0x02, 0, 0x5e, 0, 0x0a, 0xff}}));
  for (const char* bad : {"", "02:00:00:00:00", "02:00:00:00:00:01:02", "02-00-00-00-00-01",
                          "0200.0000.0001", "2:0:0:0:0:1", "02:00:00:00:00:0g", "02:00:00:00:00:+1",
                          " 2:00:00:00:00:01", "02:00:00:00:00 01"}) {
    EXPECT_FALSE(parse_mac(bad)) << bad;
  }
}

TEST(ConfigParse, PortRangeRuns) {
  EXPECT_EQ(parse_port_range("9000"), (PortRange{9000, 9000}));
  EXPECT_EQ(parse_port_range("7000-7999"), (PortRange{7000, 7999}));
  EXPECT_EQ(parse_port_range("1-65535"), (PortRange{1, 65535}));
  for (const char* bad : {"", "-", "0", "65536", "7000-", "-7000", "7999-7000", "0-5", "1-2-3",
                          "7000 - 7999", "07000"}) {
    EXPECT_FALSE(parse_port_range(bad)) << bad;
  }
}

TEST(ConfigParse, BindGrantIsAddressAndPorts) {
  EXPECT_EQ(parse_bind_grant("10.20.0.5:7000-7999"), (BindGrant{ipv4(10, 20, 0, 5), {7000, 7999}}));
  EXPECT_EQ(parse_bind_grant("*:9000"), (BindGrant{std::nullopt, {9000, 9000}}));
  EXPECT_EQ(parse_bind_grant("[::1]:9000"), (BindGrant{Ip{0, 1}, {9000, 9000}}));
  for (const char* bad : {"", ":", "*", "*:", ":9000", "9000", "**:9000",
                          "10.20.0.5:", "10.20.0:9000", "::1:9000", "[::1]", "[::1:9000"}) {
    EXPECT_FALSE(parse_bind_grant(bad)) << bad;
  }
}

TEST(ConfigParse, ModeIsFourOctalDigits) {
  EXPECT_EQ(parse_mode("0660"), 0660u);
  EXPECT_EQ(parse_mode("0777"), 0777u);
  for (const char* bad : {"", "660", "1660", "0668", "00660", "rw-rw----"}) {
    EXPECT_FALSE(parse_mode(bad)) << bad;
  }
}

TEST(ConfigParse, MulticastGroups) {
  EXPECT_EQ(parse_groups("239.1.2.3"), (Prefix{ipv4(239, 1, 2, 3), 32}));
  EXPECT_EQ(parse_groups("224.0.0.0/4"), (Prefix{ipv4(224, 0, 0, 0), 4}));
  EXPECT_EQ(parse_groups("ff3e::8000:1"), (Prefix{Ip{0xff3e'0000'0000'0000, 0x8000'0001}, 128}));
  EXPECT_EQ(parse_groups("ff00::/8"), (Prefix{Ip{0xff00'0000'0000'0000, 0}, 8}));
  for (const char* bad : {"10.0.0.1", "224.0.0.0/3", "239.1.2.3/16", "fe00::/7", "ff00::/7",
                          "fe80::1", "2001:db8::/32", "ff3e::1/32", "ff3e::/129", "::/0", ""})
    EXPECT_FALSE(parse_groups(bad)) << bad;
}

TEST(ConfigParse, Ipv6IsHexadecimalGroups) {
  constexpr Ip address{0x2001'0db8'0000'0000, 5};
  EXPECT_EQ(parse_address("2001:db8::5"), address);
  EXPECT_EQ(parse_address("2001:0DB8:0:0:0:0:0:5"), address);
  EXPECT_EQ(parse_address("::"), kAnyIpv6);
  EXPECT_EQ(parse_address("10.20.0.5"), Ip{ipv4(10, 20, 0, 5)});
  for (const char* bad : {"2001:db8:::5", "2001:db8", "2001:db8::5%eth0", "::ffff:10.0.0.1",
                          "::ffff:a00:1", "2001:db8::10.0.0.1", "2001:db8::g", " ::1", "[::1]"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
  EXPECT_FALSE(parse_address(std::string_view("2001:db8::5\0", 12)));
  EXPECT_EQ(parse_prefix("2001:db8::5/64"), (Prefix{address, 64}));
  EXPECT_EQ(parse_prefix("::/0"), (Prefix{kAnyIpv6, 0}));
  EXPECT_FALSE(parse_prefix("2001:db8::5/129"));
  EXPECT_EQ(parse_bind_grant("[2001:db8::5]:7000"), (BindGrant{address, {7000, 7000}}));
  EXPECT_FALSE(parse_bind_grant("2001:db8::5:7000"));
  EXPECT_FALSE(parse_bind_grant("[10.20.0.5]:7000"));
}

TEST(ConfigParse, Ipv6PrefixArithmetic) {
  const Prefix prefix = *parse_prefix("2001:db8:0:1::5/64");
  EXPECT_EQ(prefix.network(), *parse_address("2001:db8:0:1::"));
  EXPECT_TRUE(prefix.contains(*parse_address("2001:db8:0:1:ffff::9")));
  EXPECT_FALSE(prefix.contains(*parse_address("2001:db8:0:2::9")));
  EXPECT_TRUE(prefix.is_edge(prefix.network()));
  EXPECT_FALSE(prefix.is_edge(*parse_address("2001:db8:0:1:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(parse_prefix("::/0")->contains(ipv4(10, 0, 0, 1))) << "the families never meet";
  EXPECT_FALSE(parse_prefix("0.0.0.0/0")->contains(*parse_address("2001:db8::5")));
  EXPECT_FALSE(parse_prefix("2001:db8::/127")->is_edge(*parse_address("2001:db8::")));
}

TEST(ConfigParse, TextComesBack) {
  EXPECT_EQ(to_text(ipv4(10, 20, 0, 5)), "10.20.0.5");
  EXPECT_EQ(to_text(Prefix{ipv4(10, 20, 0, 5), 24}), "10.20.0.5/24");
  EXPECT_EQ(to_text(Prefix{{0x2001'0db8'0000'0000, 5}, 64}), "2001:db8::5/64");
  EXPECT_EQ(to_text(Mac{{0x02, 0, 0x5e, 0, 0x0a, 0xff}}), "02:00:5e:00:0a:ff");
}

}  // namespace
}  // namespace pinion::config
