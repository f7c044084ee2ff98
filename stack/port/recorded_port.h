// A Port with the recorder's hook at it: a host that records puts one in front of each real port,
// so that a core which does not record pays nothing. The replay has a port of its own, which makes
// what is kept here happen again.
#pragma once
#include "base/recorder.h"
#include "port/port.h"

namespace pinion {

// What a port says of a received frame; its bytes follow.
struct RecordedFrame {
  uint32_t length = 0;
  uint16_t vlan_tci = 0;
  bool vlan_stripped = false;
  RxCsum rx_ipv4_csum = RxCsum::unknown, rx_l4_csum = RxCsum::unknown;
  uint8_t reserved[7] = {};
  Nanos hw_time = 0;
};

class RecordedPort final : public Port {
 public:
  RecordedPort(Port& port, const Recorder& record) : port_(port), record_(record) {}

  const PortCapabilities& capabilities() const override { return port_.capabilities(); }
  size_t rx_burst(std::span<Frame*> out) override {
    const size_t n = record_(Door::rx, port_.rx_burst(out));
    for (Frame* f : out.first(n)) {
      record_(Door::rx, RecordedFrame{.length = f->length,
                                      .vlan_tci = f->vlan_tci,
                                      .vlan_stripped = f->vlan_stripped,
                                      .rx_ipv4_csum = f->rx_ipv4_csum,
                                      .rx_l4_csum = f->rx_l4_csum,
                                      .hw_time = f->hw_time});
      record_(Door::rx, f->bytes());
    }
    return n;
  }
  Nanos burst_time() const override { return record_(Door::rx, port_.burst_time()); }
  size_t tx_burst(std::span<Frame*> frames) override {
    return record_(Door::tx, port_.tx_burst(frames));
  }
  size_t released(std::span<uint64_t> out) override {
    const size_t n = record_(Door::tx, port_.released(out));
    record_(Door::tx, std::as_writable_bytes(out.first(n)));
    return n;
  }
  size_t alloc(std::span<Frame*> out) override { return record_(Door::alloc, port_.alloc(out)); }
  void free(std::span<Frame*> frames) override { port_.free(frames); }
  bool link_up() const override { return record_(Door::link, port_.link_up()); }
  uint32_t moves() const override { return record_(Door::link, port_.moves()); }

 private:
  Port& port_;
  Recorder record_;
};

}  // namespace pinion
