/* Feed: joins a multicast group and prints what comes, as a receiver of market data would begin.
 * feed GROUP PORT [SOURCE [NIC]], of IPv4 or IPv6; SOURCE "-" is every one. The daemon's
 * configuration must grant the group (sessions.groups) and the port (sessions.bind).
 * $PINION_SOCKET names another daemon than the default one.
 * Build: cc feed.c $(pkg-config --cflags --libs rio) */
#include <arpa/inet.h>
#include <inttypes.h>
#include <rio/rio.h>
#include <stdio.h>
#include <stdlib.h>

enum { kReceives = 64, kSlotBytes = 2048, kBatch = 16 };

static void must(int status, const char* what) {
  if (status >= 0) return;
  fprintf(stderr, "feed: %s: %s (%s)\n", what, rio_last_error(), strerror(-status));
  exit(1);
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) {
    fprintf(stderr, "usage: feed GROUP PORT [SOURCE [NIC]]\n");
    return 2;
  }
  rio_address group, source, local;
  must(rio_parse_address(argv[1], 0, &group), "group");
  const int of_ipv6 = group.family == RIO_FAMILY_IPV6;
  const int one_source = argc > 3 && strcmp(argv[3], "-") != 0;
  if (one_source) must(rio_parse_address(argv[3], 0, &source), "source");
  must(rio_parse_address(of_ipv6 ? "::" : "0.0.0.0", (uint16_t)atoi(argv[2]), &local), "port");

  rio_session* session;
  void* memory;
  rio_buffer_id buffer;
  must(rio_open(NULL, &session), "open");
  must(rio_map_memory(session, kReceives * kSlotBytes, &memory), "map memory");
  must(rio_register_buffer(session, memory, kReceives * kSlotBytes, &buffer), "register buffer");

  rio_cq* cq;
  rio_rq* rq;
  rio_socket_t socket;
  must(rio_create_completion_queue(session, kReceives, RIO_CORE_DEFAULT, RIO_NOTIFY_NONE, &cq),
       "completion queue");
  must(rio_socket(session, group.family, RIO_TYPE_DATAGRAM, RIO_CORE_DEFAULT, &socket), "socket");
  must(rio_set_option(socket, RIO_SO_REUSEADDR, 1), "option"); /* others may listen, too */
  must(rio_bind(socket, &local), "bind");
  must(rio_create_request_queue(socket, kReceives, 0, cq, NULL, 0, 0, &rq), "request queue");
  for (uint32_t i = 0; i < kReceives; ++i) {
    const rio_slice slice = {buffer, i * kSlotBytes, kSlotBytes};
    must(rio_receive(rq, &slice, 0, i), "receive");
  }
  must(rio_join_group(socket, &group, one_source ? &source : NULL, argc > 4 ? argv[4] : NULL),
       "join");
  printf("feed: joined %s\n", argv[1]);
  fflush(stdout);

  for (rio_result results[kBatch];;) { /* until it is interrupted: dying leaves the group */
    const int n = rio_dequeue(cq, results, kBatch);
    must(n, "dequeue");
    for (int i = 0; i < n; ++i) {
      must(results[i].status, "receive");
      const rio_slice slice = {buffer, (uint32_t)results[i].request_context * kSlotBytes,
                               kSlotBytes};
      char from[INET6_ADDRSTRLEN];
      inet_ntop(of_ipv6 ? AF_INET6 : AF_INET, results[i].peer.bytes, from, sizeof from);
      printf("%" PRIu64 " ns: %u bytes from %s\n", results[i].time_ns, results[i].bytes, from);
      must(rio_receive(rq, &slice, 0, results[i].request_context), "receive");
    }
    if (n != 0) fflush(stdout);
  }
}
