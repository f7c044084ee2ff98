// Net: interfaces, neighbours, routes, IPv4 and IPv6, ICMP and UDP between the ports and the
// sockets. One per core; called by Kernel::poll and by rio. It knows nothing of rio: what happens
// to a socket goes up through the upcalls of socket/socket.h.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/counters.h"
#include "base/rng.h"
#include "base/siphash.h"
#include "net/groups.h"
#include "net/neighbour.h"
#include "net/net_config.h"
#include "net/reassembly.h"
#include "net/route.h"
#include "net/token_bucket.h"
#include "port/port.h"
#include "socket/home_ports.h"
#include "socket/udp_demux.h"
#include "tcp/tcp.h"
#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/igmp.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"

namespace pinion {

struct MeshState;
enum class RecordKind : uint8_t;

// One datagram to send. Its payload is copied before udp_send returns, or attached: then it must
// stay as it is until socket_sent.
struct UdpSend {
  Endpoint source{};  // address 0: chosen by the route
  Endpoint destination{};
  uint8_t ttl = 64;
  uint8_t tos = 0;
  bool broadcast_ok = false;
  bool fragment = false;  // what is over the MTU leaves in fragments
  bool loop = false;  // to a group: members on this core get it as well
  Bytes payload{};
  uint64_t token = 0;       // 0: no socket_sent
  Flow* flow = nullptr;     // of the socket, as the next
  PathMtu* path_mtu = nullptr;
  uint64_t may_attach = 0;  // bit i: the i-th port that NetConfig names reaches the payload
  uint32_t owner = 1;       // Socket::owner
};

// One segment to send, or as many as segment_bytes says.
struct TcpSend {
  Endpoint source{}, destination{};
  uint8_t ttl = 64;
  uint8_t tos = 0;
  Bytes header{};        // TCP's, with options; its checksum is 0
  Socket* sk = nullptr;  // the payload: `length` bytes from `offset` on, by stream_read
  uint32_t offset = 0, length = 0;
  Flow* flow = nullptr;  // of the connection
  // The port cuts the payload, tso_bytes() at most, into segments of so many bytes; 0: it is one.
  uint16_t segment_bytes = 0;
};

// An address of IPv6 is used once nobody else answers for it (RFC 4862 5.4).
enum class AddressState : uint8_t { tentative, valid, duplicate };

struct AddressClaim {
  InterfaceAddress address;
  AddressState state = AddressState::tentative;
  bool begun = false;
  bool untold = false;  // to the other cores of a Mesh
  uint8_t probes_left = 0;
  Nanos deadline = kNever;
};

// Of a group protocol.
struct Querier {
  Ip address;
  uint8_t version = 0;  // 0: none was seen yet
};

struct InterfaceStatus {
  const char* name = "";
  Mac mac;
  uint16_t vlan_id = 0, mtu_bytes = 0;
  bool link_up = false;
  uint64_t rx_frames = 0, rx_bytes = 0, tx_frames = 0, tx_bytes = 0;
  uint32_t tx_queued = 0;              // of its port
  std::span<const AddressClaim> ipv6;  // its addresses of IPv6, the link-local one too
  Querier igmp, mld;                   // the last that were seen
};

class Net {
 public:
  Net(const NetConfig& config, Counters& counters, void* upcall_context = nullptr);
  ~Net();
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  // One receive burst a port; every frame is freed before it returns. Returns how many came.
  size_t rx(Nanos now);
  // What TCP has to say at the end of a pass, then one transmit burst a port, then socket_sent for
  // what the port took. The rest stays, in order.
  void tx(Nanos now);
  // Timers of neighbours and connections, a bounded number of them.
  void expire(Nanos now);
  Nanos next_deadline() const;
  // Nothing waits for a port.
  bool idle() const;
  // Frames with attached bytes that ports hold: none of the memory they lie in may go away. Ports
  // that attach let go of them soon, so between two passes this is 0 as a rule.
  uint32_t attached() const { return attached_; }
  // Fragments of one packet of ours. They go over NetConfig::tx_queue_max together, if need be.
  static constexpr uint32_t kFragmentsMax = 128;
  static constexpr uint32_t kPortsMax = 64;  // bits of UdpSend::may_attach
  // How many such frames each port has taken so far; and has it let go of as many? Between two
  // passes the answer stands for all that was sent before: others may go on sending.
  using AttachMark = std::array<uint64_t, kPortsMax>;
  AttachMark attach_mark() const;
  bool let_go(const AttachMark& mark) const;

  // What stands behind an IP header, in two pieces.
  struct Halves {
    Bytes head, body;
    size_t size() const { return head.size() + body.size(); }
  };

  // 0: accepted, socket_sent(token) comes exactly once, never before udp_send returns. Else nothing
  // was kept: -EAGAIN: no frame or the transmit queue is full, try again after tx; -ENETUNREACH: no
  // route, or no interface has the source; -EHOSTUNREACH: the neighbour failed a moment ago;
  // -EMSGSIZE: over the MTU of the interface or, as far as it is known, the path, or over what
  // fragments can be; -EACCES: broadcast without broadcast_ok; -ENOBUFS: too much waits for
  // neighbours, or it is fragments, which wait for none; -ENETDOWN; -EINVAL: address or port 0.
  int udp_send(const UdpSend& send, Nanos now);

  // Errors as udp_send's; nothing is told afterwards.
  int tcp_send(const TcpSend& send, Nanos now);
  // The most payload of one tcp_send with such segment_bytes to where the flow leads. 0: none.
  uint32_t tso_bytes(const Flow& flow, uint16_t segment_bytes) const;
  // The MTU towards dst from that source; 0: there is no path.
  uint16_t path_mtu(Ip source, Ip dst);
  // Nothing comes back from there: is the next hop still what it was?
  void doubt_path(Ip source, Ip dst, Nanos now);

  // What the last udp_send did beside one frame: members that it reached by itself (UdpSend::loop),
  // and fragments beyond the first.
  uint32_t more_work() const { return more_work_; }

  UdpDemux& udp() { return udp_; }
  Tcp& tcp() { return tcp_; }
  const Tcp& tcp() const { return tcp_; }
  // Multicast, for the socket's owner. `interface`: its number; kAnyInterface: the one that has the
  // address that the socket is bound to, or a route to the group or the source, or the first. 0;
  // -EINVAL: no group, a source that is none, a group of 232/8 or ff3x::/32 without a source (RFC
  // 4607), or both ways of joining; -EADDRINUSE: joined already; -ENODEV: no such interface, or it
  // does not speak IPv6, or it must be named (a group of link scope); -ENOBUFS: a limit.
  int join(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now);
  // -EADDRNOTAVAIL: it has not joined so.
  int leave(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now);
  void leave_groups(Socket& sk, Nanos now);
  // kAnyInterface: there is none of that name.
  uint32_t interface_named(std::string_view name) const;
  const GroupTable& groups() const { return groups_; }

  // The source address for dst, 0 if there is no route.
  Ip source_for(Ip dst) const;
  bool is_local(Ip address) const;      // an address of any interface
  bool is_broadcast(Ip address) const;  // limited, or of a subnet of any interface
  bool is_claimed(Ip address) const;    // of IPv6, and not lost to another station

  // Of several cores (NetConfig::mesh). Which ports bring that peer's answers to this one.
  HomePorts home_ports(uint8_t protocol, Ip local, const Endpoint& remote);
  bool is_mesh() const { return mesh_ != nullptr; }
  // Before tx: what is for other cores becomes visible to them. Those that must be woken for it, a
  // bit each.
  uint32_t hand_over();
  // Around this core's sleep. handed_over: there is something to take, asked between the two.
  void fall_asleep();
  bool handed_over() const;
  void awake();

  size_t interface_count() const { return interfaces_.size(); }
  InterfaceStatus interface_status(size_t index) const;
  const NeighbourTable& neighbours() const { return neighbours_; }

 private:
  static constexpr uint32_t kBurstMax = 256;

  // A port and what waits for it. Frames are linked by Frame::next.
  struct PortState {
    Port* port = nullptr;
    Frame* head = nullptr;
    Frame* tail = nullptr;
    uint32_t queued = 0;           // buffers: a frame that the port cuts may have several
    uint32_t queued_attached = 0;  // frames with attached bytes
    uint32_t attached = 0;         // in the port's hands
    uint64_t attached_ever = 0;    // taken by it, these included
    bool link_up = false;
    uint32_t moves = 0;  // Port::moves, when it was looked at
    Nanos link_looked_at = 0;
    Nanos announce_at = kNever;  // once more
  };
  // What the queriers of an interface have shown of themselves, by one protocol.
  struct QuerierState {
    Nanos v1_until = 0, v2_until = 0;  // an older one is present
    Querier querier;
  };
  struct Interface {
    std::string name;
    uint32_t index = 0;
    uint32_t port = 0;  // into ports_
    Mac mac;
    uint16_t vlan_id = 0, mtu_bytes = 0;
    uint8_t tx_offload = kTxNone;
    uint32_t tso_bytes = 0;  // PortCapabilities::tx_tso_bytes
    std::vector<InterfaceAddress> addresses;  // those in use
    bool shared = false;  // every core of the Mesh has a queue of its NIC
    bool speaks = true;   // for all of them: this one's is the first
    uint16_t queue = 0;   // of the NIC, this core's
    const Rss* rss = nullptr;  // of the NIC, if it brings something to every queue
    bool ipv6 = false;
    std::vector<AddressClaim> claims;  // every address of IPv6; their groups are in groups_
    Ip good_source;  // the last that may send to us through here, 0: none yet
    QuerierState igmp, mld;
    uint64_t rx_frames = 0, rx_bytes = 0, tx_frames = 0, tx_bytes = 0;
  };
  // Where a packet goes.
  struct Path {
    Interface* interface = nullptr;
    Ip source, next_hop;
    bool broadcast = false;
    bool group = false;              // multicast
    Neighbour* neighbour = nullptr;  // of next_hop, if it is in the table; set by admit
    bool ready = false;              // it can leave at once; set by admit
    uint32_t owner = 0;              // who sends; set by admit
    uint16_t narrower = 0;           // an MTU below the interface's that its routers told; 0: none
    uint16_t mtu() const { return narrower != 0 ? narrower : interface->mtu_bytes; }
  };
  // A received packet, on its way up.
  struct IpInput {
    Ip source, destination;
    Bytes payload;  // behind the IP headers
    Bytes raw;      // from the IP header on, without padding
    const Frame* frame = nullptr;
    Interface* interface = nullptr;
    uint8_t protocol = 0;
    bool group = false;  // to a broadcast or multicast address, of the link or of IP
    uint32_t fragments = 1;  // that it came in
    uint8_t hop_limit = 0;   // or TTL
    bool has_fragment = false;  // of IPv6: the header
    bool router_alert = false;
  };

  // What a header of either family says beside its addresses and lengths.
  struct IpFields {
    uint8_t ttl = 64, tos = 0, protocol = 0;
    Ip destination;
  };

  void add_interface(const InterfaceConfig& config);
  uint32_t port_index(Port* port);

  // hand_over.cpp
  size_t take_handed_over(Nanos now);
  Drop record_input(uint32_t core, Bytes record, Nanos now);
  void address_news(Interface& interface, Ip address, AddressState state, Nanos now);
  void tell_cores();
  bool tell_addresses();
  void tell_group(uint32_t interface, Ip group);
  bool push_news(RecordKind kind, Bytes body);

  // stray.cpp: true if another core has it now, or would if it kept up: `why` is none or says so.
  bool pass_on(const IpInput& in, uint32_t cores, Stray reason, Drop& why);
  bool pass_on_udp(const IpInput& in, const Endpoint& to, Drop& why);
  bool pass_on_tcp(const IpInput& in, const TcpSegment& seg, const FourTuple& flow, Drop& why,
                   Nanos now);
  bool pass_on_error(const IpInput& in, const IcmpQuote& quote, Drop& why);
  // Copies, beside what this core makes of it. Were there any?
  bool copy(const IpInput& in, uint32_t cores, Stray reason);
  bool copy_to_all(const IpInput& in, Stray reason);
  void copy_arp(const Interface& interface, Bytes packet);
  void copy_loop(const UdpSend& send, const Path& path, Bytes payload);
  bool copy_group(const IpInput& in);
  bool copy_broadcast(const IpInput& in, const Endpoint& to);
  bool push_packet(uint32_t core, const IpInput& in, uint32_t tried, Stray reason);
  bool is_taken() const;
  bool wanted_elsewhere(const Interface& interface, Ip group) const;

  // eth.cpp
  size_t rx_port(uint32_t port, Nanos now);
  Drop eth_input(uint32_t port, const Frame& frame, Nanos now);
  Interface* interface_of(uint32_t port, uint16_t vlan_id);
  void eth_emit(const Interface& interface, Frame& frame, Mac dst, uint16_t type) const;
  static void pad(Frame& frame);
  void enqueue(Interface& interface, Frame* frame);
  void tx_port(PortState& p, Nanos now);
  void copy_attached(PortState& p);
  void collect_released(PortState& p, Nanos now);
  void look_at_link(PortState& p, Nanos now);
  void say_where_we_are(const PortState& p, Nanos now);
  void announce_addresses(const PortState& p);
  void announce_again(Nanos now);
  void drop_queued(PortState& p, Nanos now);
  Frame* frame_alloc(const Interface& interface);
  Frame* frame_alloc(const Interface& interface, size_t bytes);
  void frame_free(const Interface& interface, Frame* frame);
  static void free_buffers(Port& port, Frame* frame);

  // arp.cpp
  Drop arp_input(Interface& interface, Bytes packet, Nanos now);
  Drop arp_check_sender(const Interface& interface, const ArpPacket& arp) const;
  Drop arp_request_input(Interface& interface, const ArpPacket& arp, Nanos now);
  Drop arp_reply_input(Interface& interface, const ArpPacket& arp, Nanos now);
  void neighbour_doubt(Interface& interface, Ip address, Nanos now);
  void arp_request(Interface& interface, Ipv4 source, Ipv4 target, Mac dst);
  void arp_announce(Interface& interface, Ipv4 address);
  Drop arp_output(Interface& interface, const ArpPacket& arp, Mac dst);
  // Asks for an address: all stations, or the one that is known.
  void neighbour_request(Interface& interface, Ip address, const Mac* known);
  void neighbour_resolved(Interface& interface, Ip address);
  void neighbour_failed(Interface& interface, Neighbour& n, Nanos now);

  // ipv4_input.cpp
  Drop ipv4_input(Interface& interface, const Frame& frame, Bytes bytes, bool link_group,
                  Nanos now);
  Drop ipv4_deliver(const IpInput& in, Nanos now);
  Drop ipv4_fragment_input(const IpInput& in, Ipv4Packet packet, Nanos now);
  Drop fragment_add(const Reassembly::Fragment& fragment, Reassembly::Datagram& whole, Nanos now);
  static IpInput whole_input(const IpInput& in, const Reassembly::Datagram& whole, Frame& frame);
  void reassembly_expire(Nanos now);
  Drop ipv4_check_addresses(IpInput& in, bool link_group) const;
  bool may_be_source(const Interface& interface, Ip source) const;
  bool owns(const Interface& interface, Ip address) const;
  bool is_subnet_broadcast(const Interface& interface, Ip address) const;

  // ipv4_output.cpp
  int find_path(Ip source, Ip dst, Path& out, uint32_t only = kAnyInterface);
  int broadcast_path(Ip source, Path& out);
  Ip address_towards(const Interface& interface, Ip dst) const;
  Ip source_towards(const Interface& interface, Ip dst, Ip next_hop) const;
  Interface* owner_of(Ip address);
  int admit(Path& path, uint32_t owner, Nanos now);
  int ipv4_output(const Path& path, Frame* frame, const Ipv4Header& header, Nanos now);
  int link_output(const Path& path, Frame* frame, uint16_t type, Nanos now);
  int ip_output(const Path& path, Frame* frame, const IpFields& fields, Nanos now);

  // fragment_output.cpp
  static size_t fragment_bytes(const Path& path);
  int ip_output_fragments(const Path& path, const Halves& packet, const IpFields& fields,
                          uint64_t token, Nanos now);
  bool take_frames(const Interface& interface, std::span<Frame*> out);
  void fragment_output(const Path& path, Frame* frame, const Ipv6Part& part,
                       const IpFields& fields, Nanos now);
  uint32_t fragment_id(Ip source, Ip destination);

  // ipv6_input.cpp
  Drop ipv6_input(Interface& interface, const Frame& frame, Bytes bytes, bool link_group,
                  Nanos now);
  Drop ipv6_walk_input(IpInput& in, const Ipv6Packet& packet, Ipv6Chain& chain, Nanos now);
  Drop ipv6_deliver(const IpInput& in, Nanos now);
  Drop ipv6_fragment_input(const IpInput& in, const Ipv6Chain& chain, Nanos now);
  void ipv6_tell_late(const IpInput& in, Nanos now);
  Drop ipv6_check_addresses(IpInput& in, bool link_group) const;
  bool is_member(const Interface& interface, Ip group) const;

  // ipv6_output.cpp
  int ipv6_output(const Path& path, Frame* frame, const IpFields& fields, Nanos now);
  Ip ipv6_address_towards(const Interface& interface, Ip dst) const;
  Drop ipv6_send_own(Interface& interface, const Ipv6Header& header, Mac dst, Bytes payload);
  void ipv6_output_own(Interface& interface, Frame* frame, Ipv6Header header, Mac dst);

  // ipv6_address.cpp
  void ipv6_add_addresses(Interface& interface, const InterfaceConfig& config);
  void use_address(Interface& interface, AddressClaim& claim);
  void give_up_address(Interface& interface, AddressClaim& claim);
  void tell_address(const Interface& interface, AddressClaim& claim);
  AddressClaim* claim_of(Interface& interface, Ip address);
  void claim_due(Interface& interface, AddressClaim& claim, Nanos now);
  void ipv6_expire(Nanos now);

  // mld.cpp
  Drop mld_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  Drop mld_query_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  Drop mld_report_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  void mld_report(Interface& interface, Frame* frame, uint16_t records);
  void mld_old_report(Interface& interface, const Group& group);
  Ip mld_source(const Interface& interface) const;
  Frame* mld_frame(Interface& interface);
  void mld_output(Interface& interface, Frame* frame, Ip source, Ip destination);

  // nd.cpp
  Drop nd_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  Drop nd_solicitation_input(const IpInput& in, const NdMessage& nd, Nanos now);
  Drop nd_advertisement_input(const IpInput& in, const NdMessage& nd, Nanos now);
  Drop nd_answer(Interface& interface, const IpInput& in, const NdMessage& nd, bool probe);
  Drop nd_learned(Interface& interface, Ip address, Learned learned, Nanos now);
  bool is_on_link(const Interface& interface, Ip address) const;
  void nd_solicit(Interface& interface, Ip target, const Mac* known);
  void nd_ask_for_claim(Interface& interface, Ip address);
  void nd_announce(Interface& interface, Ip address);
  Drop nd_output(Interface& interface, const NdMessage& nd, Ip source, Ip destination, Mac dst);

  // icmp6.cpp
  Drop icmp6_input(const IpInput& in, Nanos now);
  Drop icmp6_echo(const IpInput& in, const IcmpMessage& message, Nanos now);
  Drop icmp6_error_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  void icmp6_error_output(const IpInput& in, const IcmpMessage& error, Nanos now);

  // multicast.cpp
  uint32_t group_interface(Ip local, Ip group, Ip source) const;
  int group_path(Ip source, Ip group, Path& out);
  Drop group_deliver(uint32_t interface, const Arrival& arrival, Nanos now);

  // group_report.cpp
  struct GroupReport;
  void querier_seen(Querier& querier, const GroupQuery& query, Ip source);
  void cancel_answers(const Interface& interface, bool ipv4);
  void group_query(Interface& interface, const GroupQuery& query, Nanos now);
  bool tells_sources(const Interface& interface, bool ipv4, Nanos now) const;
  void report_groups(Nanos now);
  void report_group(GroupReport& report, const Group& group, Nanos now);
  template <class Pick>
  void report_record(GroupReport& report, const Group& group, GroupRecord type, bool empty,
                     Pick pick);
  bool report_begin(GroupReport& report);
  void report_flush(GroupReport& report);
  Frame* report_frame(Interface& interface);

  // igmp.cpp
  uint8_t igmp_version(const Interface& interface, Nanos now) const;
  Drop igmp_input(const IpInput& in, Nanos now);
  Drop igmp_query_input(const IpInput& in, const IgmpMessage& m, Nanos now);
  void igmp_old_report(Interface& interface, const Group& group, Nanos now);
  void igmp_output(Interface& interface, Frame* frame, Ipv4 to);

  // icmp.cpp
  Drop icmp_input(const IpInput& in, Nanos now);
  Drop icmp_echo(const IpInput& in, const IcmpMessage& message, Nanos now);
  Drop icmp_echo_fragmented(const IpInput& in, const IcmpMessage& reply, const Path& path,
                            Nanos now);
  Drop icmp_error_input(const IpInput& in, const IcmpMessage& message, Nanos now);
  bool quoted_input(const IcmpQuote& quote, const TcpIcmpError& error, Nanos now);
  void lower_path_mtu(Socket& sk, const IcmpQuote& quote, const TcpIcmpError& error, Nanos now);
  void port_unreachable(const IpInput& in, Nanos now);
  static Drop drop_of(int status);
  void icmp_error_output(const IpInput& in, IcmpType type, uint8_t code, Nanos now);
  static Ipv4Header own_header(const Path& path, Ip destination, size_t payload_bytes);

  // udp/output.cpp
  void loop_back(const UdpSend& send, const Path& path, Bytes payload, Nanos now);
  int udp_send_fragments(const UdpSend& send, Path& path, Nanos now);
  int udp_send_again(const UdpSend& send, const Flow& flow, Nanos now);
  static uint16_t narrower_mtu(const UdpSend& send, const Path& path, Nanos now);
  bool holds(const Flow& flow, const UdpSend& send) const;
  bool flow_holds(const Flow& flow) const;
  void keep(Flow& flow, const UdpSend& send, const Path& path, const Frame& frame) const;
  static void keep_ip(Flow& flow, const Endpoint& source, const Endpoint& destination,
                      const Path& path, const Frame& frame);
  static void finish_kept(const Flow& flow, uint16_t behind, Frame& frame);

  // udp/input.cpp
  Drop udp_input(const IpInput& in, Nanos now);

  // tcp/emit.cpp
  int tcp_send_again(const TcpSend& send, Nanos now);
  void keep_path(Flow& flow, const TcpSend& send, const Path& path) const;

  // ipv4_input.cpp
  Drop tcp_input(const IpInput& in, Nanos now);
  RxTime rx_time(const Frame& frame) const {
    if (frame.hw_time != 0) return {frame.hw_time, true};
    return {rx_time_, false};
  }

  const std::unique_ptr<MeshState> mesh_;  // null: there is one core
  uint32_t rx_burst_, tx_burst_, tx_queue_max_;
  Nanos rx_time_ = 0;  // of the frame that is looked at, if its NIC does not say
  Counters& counters_;
  void* upcall_context_;
  uint32_t attached_ = 0;
  std::vector<PortState> ports_;
  std::vector<Interface> interfaces_;
  RouteTable routes_;
  Reassembly reassembly_;
  std::array<uint32_t, 256> fragment_ids_{};
  SipKey fragment_secret_;
  uint16_t path_mtu_min_;
  NeighbourTable neighbours_;
  UdpDemux udp_;
  Tcp tcp_;
  GroupTable groups_;
  uint32_t more_work_ = 0;
  uint8_t igmp_version_max_;
  TokenBucket neighbour_replies_, icmp_errors_, icmp_echoes_;
  TokenBucket igmp_queries_, igmp_general_queries_, mld_queries_, mld_general_queries_;
  uint8_t dad_transmits_;
  Rng rng_;  // pauses that stations of a link must not share
  Nanos ipv6_deadline_ = kNever;
  Nanos announce_deadline_ = kNever;
};

}  // namespace pinion
