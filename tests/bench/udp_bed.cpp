// The application's loops are what a careful one does: receives are posted ahead, and a buffer is
// posted again as soon as its datagram has been looked at.
#include "bench/udp_bed.h"

#include <array>

#include "bench/raw_ethdev.h"
#include "wire/eth.h"

namespace pinion::bench {

namespace {

constexpr uint32_t kSlotBytes = 2048;
constexpr uint32_t kBatch = 32;

BedOptions bed_options(Port& port, const UdpBedOptions& options) {
  BedOptions bed{.threaded = options.threaded};
  bed.net.interfaces = {
      {.name = "bench0",
       .port = &port,
       .addresses = {{options.local, static_cast<uint8_t>(options.local.is_v4() ? 24 : 64)}}}};
  bed.net.dad_transmits = 0;
  bed.net.neighbours = {{.address = options.peer, .mac = options.peer_mac, .interface = 0}};
  return bed;
}

}  // namespace

UdpBed::UdpBed(Port& port, const UdpBedOptions& options)
    : options_(options), mac_(port.capabilities().mac), bed_(bed_options(port, options)) {
  bed_.cold([this] { create(); });
  for (uint64_t slot = 0; slot < options_.slots; ++slot) post_receive(slot);
}

void UdpBed::create() {
  // One buffer more than slots: what round_trip sends.
  memory_ = bed_.create_memory(size_t{options_.slots + 1} * kSlotBytes);
  cq_ = bed_.create_cq(2 * options_.slots);
  const rio_address local =
      address_of(options_.groups != 0 ? any_of(options_.local) : options_.local, kLocalPort);
  const rio_address peer = address_of(options_.peer, kPeerPort);
  rio_socket_t socket = bed_.create_socket(RIO_TYPE_DATAGRAM, local.family);
  must(rio_bind(socket, &local), "bind");
  if (options_.groups != 0) join_groups(socket);
  else must(rio_connect(socket, &peer), "connect");
  rq_ = bed_.create_rq(socket, options_.slots, options_.slots, cq_);
}

void UdpBed::join_groups(rio_socket_t socket) const {
  for (uint32_t i = 0; i < options_.groups; ++i) {
    const rio_address address = address_of(group(i), 0);
    must(rio_join_group(socket, &address, nullptr, nullptr), "join");
  }
}

void UdpBed::pass() {
  bed_.poll();
  if (options_.reflected) reflect_burst(*options_.reflected);
}

rio_slice UdpBed::slice(uint64_t slot, uint32_t length) const {
  return {memory_.id, static_cast<uint32_t>(slot) * kSlotBytes, length};
}

void UdpBed::post_receive(uint64_t slot) {
  const rio_slice data = slice(slot, kSlotBytes);
  must(rio_receive(rq_, &data, 0, slot), "receive");
}

uint64_t UdpBed::round_trip() {
  std::array<rio_result, kBatch> results;
  const rio_slice data = slice(options_.slots, kPayloadBytes);
  const uint64_t start = tsc();
  must(rio_send(rq_, &data, 0, options_.slots), "send");
  for (bool answered = false; !answered;) {
    if (!options_.threaded) pass();
    const int n = rio_dequeue(cq_, results.data(), kBatch);
    if (n == 0 && tsc() - start > lost_after()) must(-ETIMEDOUT, "round trip");
    must(n, "dequeue");
    for (const rio_result& r : std::span(results).first(static_cast<size_t>(n))) {
      must(r.status, "completion");
      if (r.opcode != RIO_OP_RECEIVE) continue;
      if (r.bytes != kPayloadBytes) must(-EPROTO, "answer");
      post_receive(r.request_context);
      answered = true;
    }
  }
  return tsc() - start;
}

void UdpBed::take(size_t datagrams) {
  std::array<rio_result, kBatch> results;
  uint64_t last = tsc();
  for (size_t done = 0; done < datagrams;) {
    pass();
    if (tsc() - last > lost_after()) must(-ETIMEDOUT, "feed");
    for (int n = kBatch; n == kBatch;) {
      n = rio_dequeue(cq_, results.data(), kBatch);
      must(n, "dequeue");
      if (n != 0) last = tsc();
      for (const rio_result& r : std::span(results).first(static_cast<size_t>(n))) {
        must(r.status, "completion");
        post_receive(r.request_context);
        ++done;
      }
    }
  }
}

// Takes everything that there is in each turn: who leaves some finds more each time, until the
// receives that were not posted again are missing.
void UdpBed::echo(size_t datagrams) {
  std::array<rio_result, kBatch> results;
  for (size_t done = 0; done < datagrams;) {
    pass();
    for (int n = kBatch; n == kBatch;) {
      n = rio_dequeue(cq_, results.data(), kBatch);
      must(n, "dequeue");
      for (const rio_result& r : std::span(results).first(static_cast<size_t>(n)))
        done += echo_next(r);
    }
  }
}

// Returns how many datagrams are done: the answer has left.
size_t UdpBed::echo_next(const rio_result& r) {
  must(r.status, "completion");
  if (r.opcode != RIO_OP_RECEIVE) {
    post_receive(r.request_context);
    return 1;
  }
  const rio_slice data = slice(r.request_context, r.bytes);
  must(rio_send(rq_, &data, 0, r.request_context), "send");
  return 0;
}

testing::Packet UdpBed::request() const {
  return testing::udp_frame({.dst = options_.peer_mac, .src = mac_},
                            {options_.local.v4(), options_.peer.v4(), kLocalPort, kPeerPort},
                            std::array<std::byte, kPayloadBytes>{});
}

testing::Packet UdpBed::answer() const {
  return testing::udp_frame({.dst = mac_, .src = options_.peer_mac},
                            {options_.peer.v4(), options_.local.v4(), kPeerPort, kLocalPort},
                            std::array<std::byte, kPayloadBytes>{});
}

testing::Packet UdpBed::of_group(uint32_t i) const {
  return testing::udp_frame({.dst = group_mac(group(i)), .src = options_.peer_mac},
                            {options_.peer.v4(), group(i), kPeerPort, kLocalPort},
                            std::array<std::byte, kPayloadBytes>{});
}

}  // namespace pinion::bench
