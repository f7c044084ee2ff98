// What the tests of pmd-glue share: the process's one EAL, deadlines, frames with a known content,
// and this program run again as a child.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pmd-glue/eal.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion::test {

// The EAL of this process on ordinary pages, started by whoever asks first. Null with a message
// when another flavour runs already.
Eal* shared_eal(std::string& why_not);

// Steady time; polls condition until it holds or the time is over.
template <typename Condition>
bool within(Nanos time, Condition condition);

// A test's own EtherType, so that what kernels send by themselves can be told apart (IEEE 802,
// local experimental 1).
inline constexpr uint16_t kTestEtherType = 0x88b5;

// A broadcast frame of length bytes whose content depends on seed; and what it must look like.
std::vector<std::byte> pattern(size_t length, unsigned seed);
Frame* make_frame(Port& port, size_t length, unsigned seed);
bool same(const Frame& frame, const std::vector<std::byte>& expected);
bool is_test_frame(const Frame& frame);

// Sends seeds 0..count-1 in bursts and receives them at the other end, in order and byte-exact;
// returns how many arrived within the time.
size_t carry(Port& from, Port& to, size_t count, Nanos time);

// Starts this program again with "--child role argument"; returns its pid, and in fd the read end
// of a pipe that is its standard output.
int spawn_child(const std::string& role, const std::string& argument, int& fd);
// Runs a role; the return value is the exit status. Called by main.
int child_main(const std::string& role, const std::string& argument);

Nanos steady_now();

template <typename Condition>
bool within(Nanos time, Condition condition) {
  const Nanos end = steady_now() + time;
  do {
    if (condition()) return true;
  } while (steady_now() < end);
  return condition();
}

}  // namespace pinion::test
