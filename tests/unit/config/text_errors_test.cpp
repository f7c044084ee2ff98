// What is refused before any value is looked at, or whatever the key: YAML's own constructions,
// words and numbers with a second reading, keys that do not exist. All of it is exact text.
#include "expect_errors.h"

namespace pinion::config {
namespace {

TEST(ConfigErrors, YamlBeyondMappingsAndLists) {
  expect_errors({
      {"instance: 'abc''", "4:11: this quote has no end; expected another one on the same line"},
      {"instance: 'it''s'",
       "4:11: 'instance' is the quoted text 'it's'; expected a name: a letter or _, then "
       "letters, digits, '_', '-' or '.'; at most 31 bytes"},
      {"instance: \"a\\\\\"\"", "4:16: not valid YAML: end of map not found"},
      {"instance: \"a\\\"", "4:11: this quote has no end; expected another one on the same line"},
      {"instance: \"a", "4:11: this quote has no end; expected another one on the same line"},
      {"'nics: 1", "4:1: this quote has no end; expected another one on the same line"},
      {"version: 1", "4:1: duplicate key 'version'; expected each key once"},
      {"instance: \"a\\x07b\"",
       "4:11: 'instance' is the quoted text 'a?b'; expected a name: a letter or _, then letters, "
       "digits, '_', '-' or '.'; at most 31 bytes"},
      {"instance: &a x", "4:11: anchors (&name) are not accepted; expected the value alone"},
      {"instance: !!str x", "4:11: tags (!type) are not accepted; expected the value alone"},
      {"instance: ! x", "4:11: tags (!type) are not accepted; expected the value alone"},
      {"instance: !<?> x", "4:11: tags (!type) are not accepted; expected the value alone"},
      {"instance: !x", "4:11: tags (!type) are not accepted; expected the value alone"},
      {"<<: {instance: x}", "4:1: merge keys (<<) are not accepted; expected the keys themselves"},
      {"? [a]", "4:3: this key is not a word; expected 'key: value'"},
      {"~: 1", "4:1: this key is not a word; expected 'key: value'"},
      {"instance: |\n"
       "  x",
       "4:11: block text (| and >) is not accepted; expected a value on one line"},
      {"udp: {receive_backlog_max: 1, receive_backlog_max: 2}",
       "4:31: duplicate key 'receive_backlog_max'; expected each key once"},
      {"---\n"
       "version: 1",
       "4:1: a second document begins here; expected one document a file"},
      {"%YAML 1.2", "4:1: directives (%) are not accepted; expected 'key: value'"},
      {"instance: a\x01"
       "b",
       "4:12: control byte 1; expected printable text"},
      {"instance: \"abc", "4:11: this quote has no end; expected another one on the same line"},
      {"host: {a: [b", "5:1: not valid YAML: end of sequence flow not found"},
      {"udp: ]", "4:6: not valid YAML: illegal flow end"},
      {"instance: a: b", "4:12: not valid YAML: illegal map value"},
      {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
       "4:19: nested too deeply; expected at most 16 levels"},
      {"a: [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
       "4:1: unknown key 'a' in the file; expected one of: version, instance, host, cores, nics, "
       "routes, neighbours, tcp, udp, ipv4, igmp, sessions, limits, log"},
      {"- a", "4:1: not valid YAML: end of map not found"},
  });
}

TEST(ConfigErrors, WordsThatAreNoText) {
  expect_errors({
      {"instance: on",
       "4:11: 'instance' is the bare word 'on', a boolean or nothing to YAML; expected a name: a "
       "letter or _, then letters, digits, '_', '-' or '.'; at most 31 bytes; in quotes if that "
       "word is meant"},
      {"instance: null",
       "4:1: 'instance' is empty; expected a name: a letter or _, then letters, digits, '_', '-' "
       "or '.'; at most 31 bytes"},
      {"instance:",
       "4:1: 'instance' is empty; expected a name: a letter or _, then letters, digits, '_', '-' "
       "or '.'; at most 31 bytes"},
      {"instance: 7",
       "4:11: 'instance' is '7'; expected a name: a letter or _, then letters, digits, '_', '-' "
       "or '.'; at most 31 bytes"},
      {"instance: [a]",
       "4:11: 'instance' is a list; expected a name: a letter or _, then letters, digits, '_', "
       "'-' or '.'; at most 31 bytes"},
      {"instance: a b",
       "4:11: 'instance' is 'a b'; expected a name: a letter or _, then letters, digits, '_', "
       "'-' or '.'; at most 31 bytes"},
  });
}

TEST(ConfigErrors, KeysThatAreUnknownOrLater) {
  expect_errors({
      {"instnace: x", "4:1: unknown key 'instnace' in the file; did you mean 'instance'?"},
      {"mtu: 1",
       "4:1: unknown key 'mtu' in the file; expected one of: version, instance, host, cores, "
       "nics, routes, neighbours, tcp, udp, ipv4, igmp, sessions, limits, log"},
      {"capture: {dir: /tmp}",
       "4:1: 'capture' is not supported yet by this version; expected no such key"},
      {"metrics: {listen: \"127.0.0.1:9464\"}",
       "4:1: 'metrics' is not supported yet by this version; expected no such key"},
      {"colour: blue",
       "4:1: unknown key 'colour' in the file; expected one of: version, instance, host, cores, "
       "nics, routes, neighbours, tcp, udp, ipv4, igmp, sessions, limits, log"},
  });
}

TEST(ConfigErrors, NumbersAndBooleansHaveOneSpelling) {
  expect_errors({
      {"host: {lock_memory: yes}", "4:21: 'lock_memory' is 'yes'; expected true or false"},
      {"host: {lock_memory: \"true\"}",
       "4:21: 'lock_memory' is the quoted text 'true'; expected true or false"},
      {"host: {hugepages_mb: 010}",
       "4:22: 'hugepages_mb' is '010'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: 0x10}",
       "4:22: 'hugepages_mb' is '0x10'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: 1e3}",
       "4:22: 'hugepages_mb' is '1e3'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: +6}",
       "4:22: 'hugepages_mb' is '+6'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: 1_000}",
       "4:22: 'hugepages_mb' is '1_000'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: -2}",
       "4:22: 'hugepages_mb' is '-2'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: \"512\"}",
       "4:22: 'hugepages_mb' is the quoted text '512'; expected a number from 0 to 1048576, in "
       "plain decimal digits"},
      {"host: {hugepages_mb: 512.0}",
       "4:22: 'hugepages_mb' is '512.0'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: on}",
       "4:22: 'hugepages_mb' is 'on'; expected a number from 0 to 1048576, in plain decimal "
       "digits"},
      {"host: {hugepages_mb: 99999999999999999999}",
       "4:22: 'hugepages_mb' is '99999999999999999999'; expected a number from 0 to 1048576, in "
       "plain decimal digits"},
  });
}
TEST(ConfigErrors, AnAliasIsReportedOnceAndItsAnchorToo) {
  expect_errors(
      {{"udp: &a {receive_backlog_max: 1}\n"
        "limits: *a",
        "4:6: anchors (&name) are not accepted; expected the value alone\n"
        "5:9: aliases (*name) are not accepted; expected the value itself"}});
}

TEST(ConfigErrors, BytesThatAreNoText) {
  EXPECT_EQ(shown(errors_of("\xef\xbb\xbfversion: 1\n")),
            "1:1: byte order mark; expected UTF-8 text without one");
  EXPECT_EQ(shown(errors_of(std::string("a: \0b\nc: \x04\nd: e\rf\n", 17))),
            "1:4: control byte 0; expected printable text\n"
            "2:4: control byte 4; expected printable text\n"
            "3:5: control byte 13; expected printable text");
  for (const char* bad :
       {"\xff", "\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc2\x85", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80"}) {
    const std::string number = std::to_string(static_cast<unsigned char>(bad[0]));
    EXPECT_EQ(shown(errors_of(std::string("# ") + bad + "\n")),
              "1:3: byte " + number + "; expected UTF-8 text");
  }
}

TEST(ConfigErrors, CommentsMayBeUtf8AndColumnsStayBytes) {
  expect_errors({{"# \u00e9\u20ac\U0001F600\ninstance: 7x  # \u00e9",
                  "5:11: 'instance' is '7x'; expected a name: a letter or _, then letters, "
                  "digits, '_', '-' or '.'; at most 31 bytes"}});
}

TEST(ConfigErrors, FilesThatHoldNothingOrTooMuch) {
  const char* const empty = "1:1: the file is empty; expected 'version: 1' and the sections";
  EXPECT_EQ(shown(errors_of("")), empty);
  EXPECT_EQ(shown(errors_of("# only a comment\n")), empty);
  EXPECT_EQ(shown(errors_of("- a\n")), "1:1: the file is a list; expected a mapping of keys");
  EXPECT_EQ(shown(errors_of("version:1\n")),
            "1:1: the file is 'version:1'; expected a mapping of keys");
  EXPECT_EQ(shown(errors_of(std::string(kFileBytesMax + 1, '\n'))),
            "1:1: the file is too large; expected at most 1048576 bytes");
}

}  // namespace
}  // namespace pinion::config
